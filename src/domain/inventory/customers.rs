//! Who owns how many units of the event, for the limit per customer (INV-8).

use hashbrown::HashTable;

use crate::domain::ids::CustomerId;

/// A customer of one event, for as long as a reservation remembers them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    pub id: CustomerId,
    /// Units of HELD and BOOKED reservations. Unit: units.
    pub owned: u32,
    /// Reservations in the book that name this customer, whatever their status.
    pub reservations: u32,
}

/// Customers by index (what reservations hold) and by name (what requests bring). The table stores
/// only indexes, so a name stands once in memory.
#[derive(Debug, Default)]
pub struct Customers {
    slots: Vec<Option<Customer>>,
    free: Vec<u32>,
    by_name: HashTable<u32>,
}

impl Customers {
    #[must_use]
    pub fn find(&self, id: &CustomerId) -> Option<&Customer> {
        let index = self.by_name.find(id.table_hash(), |index| self.at(*index).id == *id)?;
        Some(self.at(*index))
    }

    /// # Panics
    /// INV-2, when no reservation of the event names this index.
    #[must_use]
    pub fn at(&self, index: u32) -> &Customer {
        self.slots[index as usize].as_ref().expect("INV-2: a reservation without its customer")
    }

    fn at_mut(&mut self, index: u32) -> &mut Customer {
        self.slots[index as usize].as_mut().expect("INV-2: a reservation without its customer")
    }

    /// Counts one more reservation of `units` live units, and gives the index to store with it.
    pub(super) fn add_reservation(&mut self, id: &CustomerId, units: u32) -> u32 {
        let slots = &self.slots;
        let named = |index: &u32| slots[*index as usize].as_ref().is_some_and(|c| c.id == *id);
        let index = match self.by_name.find(id.table_hash(), named) {
            Some(index) => *index,
            None => self.insert(id),
        };
        let customer = self.at_mut(index);
        customer.owned += units;
        customer.reservations += 1;
        index
    }

    /// Units that were given up are owned again.
    pub(super) fn own(&mut self, index: u32, units: u32) {
        self.at_mut(index).owned += units;
    }

    /// A live reservation ended: its units are owned no more.
    pub(super) fn disown(&mut self, index: u32, units: u32) {
        let customer = self.at_mut(index);
        let owned = customer.owned.checked_sub(units);
        customer.owned = owned.expect("INV-8: a customer gave back more than they owned");
    }

    /// A reservation is forgotten, and the customer with their last one.
    pub(super) fn forget_reservation(&mut self, index: u32) {
        let customer = self.at_mut(index);
        customer.reservations -= 1;
        if customer.reservations > 0 {
            return;
        }
        let hash = customer.id.table_hash();
        if let Ok(entry) = self.by_name.find_entry(hash, |found| *found == index) {
            entry.remove();
        }
        self.slots[index as usize] = None;
        self.free.push(index);
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    fn insert(&mut self, id: &CustomerId) -> u32 {
        let customer = Customer { id: id.clone(), owned: 0, reservations: 0 };
        let index = match self.free.pop() {
            Some(index) => {
                self.slots[index as usize] = Some(customer);
                index
            }
            None => {
                self.slots.push(Some(customer));
                u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 customers at once")
            }
        };
        let slots = &self.slots;
        self.by_name.insert_unique(id.table_hash(), index, |index| {
            slots[*index as usize].as_ref().map_or(0, |customer| customer.id.table_hash())
        });
        index
    }
}
