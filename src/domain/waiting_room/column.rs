//! A column of small values that grows in pieces: it is never copied to grow, and wastes one piece at
//! most.

/// Values by index, 0, 1, 2…
#[derive(Debug, Default)]
pub(super) struct Column<T> {
    pieces: Vec<Box<[T]>>,
    len: u32,
}

/// Small enough that a room with few fans stays small, large enough that pieces are few.
const PIECE: usize = 4_096;

impl<T: Copy + Default> Column<T> {
    pub fn len(&self) -> u32 {
        self.len
    }

    /// # Panics
    /// When there is no such index.
    pub fn at(&self, index: u32) -> T {
        self.pieces[index as usize / PIECE][index as usize % PIECE]
    }

    /// # Panics
    /// When there is no such index.
    pub fn set(&mut self, index: u32, value: T) {
        self.pieces[index as usize / PIECE][index as usize % PIECE] = value;
    }

    pub fn push(&mut self, value: T) {
        let index = self.len;
        if index as usize / PIECE == self.pieces.len() {
            self.pieces.push(vec![T::default(); PIECE].into_boxed_slice());
        }
        self.len += 1;
        self.set(index, value);
    }

    /// In order, `from` first. Piece by piece, for those who read many.
    pub fn iter(&self, from: u32) -> impl Iterator<Item = T> + Clone {
        let (piece, within) = (from as usize / PIECE, from as usize % PIECE);
        let rest = self.len.saturating_sub(from) as usize;
        let pieces = self.pieces.iter().skip(piece);
        pieces.flat_map(|piece| piece.iter().copied()).skip(within).take(rest)
    }

    /// Unit: bytes, of the values and of the room kept for more.
    pub fn bytes(&self) -> usize {
        self.pieces.len() * (PIECE * size_of::<T>() + size_of::<Box<[T]>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_where_they_were_put_over_several_pieces() {
        let mut column = Column::default();
        (0..10_000_u32).for_each(|value| column.push(value));
        column.set(4_096, 7);
        assert_eq!(
            (column.len(), column.at(4_095), column.at(4_096), column.at(9_999)),
            (10_000, 4_095, 7, 9_999)
        );
        let tail: Vec<u32> = column.iter(4_095).take(3).collect();
        assert_eq!(tail, [4_095, 7, 4_097]);
        assert_eq!(column.iter(9_998).count(), 2);
        assert_eq!(column.iter(10_000).count(), 0);
        assert_eq!(column.iter(20_000).count(), 0);
    }
}
