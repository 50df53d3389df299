//! Arrays with a least and a largest number of items.

use alloc::vec::Vec;
use core::ops::Deref;

use minicbor::Decoder;

use crate::cbor::{Item, Writer, read_array_head};
use crate::error::Problem;

/// From `MIN` to `MAX` items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T, const MIN: usize, const MAX: usize>(Vec<T>);

impl<T, const MIN: usize, const MAX: usize> List<T, MIN, MAX> {
    /// `None` when there are too few or too many.
    pub fn new(items: Vec<T>) -> Option<Self> {
        (MIN..=MAX).contains(&items.len()).then_some(List(items))
    }

    /// The items.
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MIN: usize, const MAX: usize> Deref for List<T, MIN, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Item, const MIN: usize, const MAX: usize> Item for List<T, MIN, MAX> {
    fn write(&self, writer: &mut Writer) {
        writer.array(self.0.len());
        self.0.iter().for_each(|item| item.write(writer));
    }

    fn read(decoder: &mut Decoder<'_>) -> Result<Self, Problem> {
        let count = usize::try_from(read_array_head(decoder)?).map_err(|_| Problem::WrongLength)?;
        if !(MIN..=MAX).contains(&count) {
            return Err(Problem::WrongLength);
        }
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(T::read(decoder)?);
        }
        Ok(List(items))
    }
}
