//! Who was sealed at the doors, for whoever checks the draw.

use super::draw;
use super::line::NO_PLACE;
use super::room::Room;

impl Room {
    /// Everybody who was sealed, in rising order of their numbers: the leaves of the sealed tree. Empty before
    /// the doors, and of a line that is let in at random.
    ///
    /// Walks all entrants.
    #[must_use]
    pub fn entrants(&self) -> Vec<draw::Entry> {
        let places = self.places();
        let numbers = (self.line.base()..).zip(places);
        let entrants = numbers.filter(|(_, place)| *place != NO_PLACE);
        entrants.filter_map(|(number, _)| self.entrant(number)).collect()
    }

    /// The place at the doors of each number of this line, in order; [`NO_PLACE`] of those who were not
    /// sealed.
    #[must_use]
    pub fn places(&self) -> Vec<u32> {
        let line = &self.line;
        let mut places = vec![NO_PLACE; line.cells.len() as usize];
        let sealed = self.sealed.as_ref().filter(|_| line.tells_places());
        let count = sealed.map_or(0, |sealed| sealed.count);
        for (place, number) in (0..count).zip(line.order.iter(0)) {
            places[(number - line.base()) as usize] = place;
        }
        places
    }

    /// The leaf of one who was sealed.
    fn entrant(&self, number: u32) -> Option<draw::Entry> {
        let tier = self.line.tier(number)? as u8;
        Some(draw::Entry { number, tier, fingerprint: self.line.fingerprint(number)? })
    }
}
