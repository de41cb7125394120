//! What follows from figures, in words.

#[cfg(test)]
pub(crate) mod made_up;
