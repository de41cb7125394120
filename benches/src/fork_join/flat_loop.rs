//! Loops without recursion: how soon a loop is shared, and whether it is split finely enough.

use anyhow::ensure;

use super::peer::Peer;
use super::program::Program;
use super::random::mix;
use super::sorting::short;

/// What an element costs, in rounds of a hash whose steps depend on each other; a round takes about 1 ns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// One round each.
    Even1,
    /// 100 rounds each.
    Even100,
    /// From 0 at the first element to 200 at the last.
    Linear,
    /// 20 rounds for half of the elements, twice as many for half of the rest, and so on to 20,480. Which elements these are
    /// looks random and is always the same.
    HeavyTail,
}

impl Cost {
    const fn name(self) -> &'static str {
        match self {
            Self::Even1 => "1 ns",
            Self::Even100 => "100 ns",
            Self::Linear => "linear",
            Self::HeavyTail => "heavy tail",
        }
    }

    fn rounds(self, at: usize, count: usize) -> u32 {
        match self {
            Self::Even1 => 1,
            Self::Even100 => 100,
            Self::Linear => (200 * at / count) as u32,
            Self::HeavyTail => 20 << mix(at as u64 + 1).trailing_zeros().min(10),
        }
    }
}

/// One element of the list. It says itself what it costs, so that no compiler knows.
#[derive(Clone, Copy, Debug)]
pub struct Element {
    rounds: u32,
    result: u32,
}

impl Element {
    /// Overwrites the result: however often this is called, it is the same.
    #[inline(always)]
    fn work(&mut self) {
        self.result = self.hash();
    }

    #[inline(always)]
    fn hash(self) -> u32 {
        let mut number = self.rounds ^ 0x9e37_79b9;
        for _ in 0..self.rounds {
            number = (number ^ (number >> 15)).wrapping_mul(0x2c1b_3c6d);
        }
        number
    }
}

fn elements(count: usize, cost: Cost) -> Vec<Element> {
    (0..count).map(|at| Element { rounds: cost.rounds(at, count), result: 0 }).collect()
}

/// Writes each element of a slice.
#[derive(Clone, Copy, Debug)]
pub struct ForEach {
    /// How many elements.
    pub count: usize,
    /// What each costs.
    pub cost: Cost,
}

impl Program for ForEach {
    type Input = Vec<Element>;
    type Output = ();

    fn name(&self) -> String {
        format!("for_each({} x {})", short(self.count), self.cost.name())
    }

    fn prepare(&self) -> Vec<Element> {
        elements(self.count, self.cost)
    }

    fn run<P: Peer>(&self, scope: &mut P::Scope<'_>, input: &mut Vec<Element>) {
        P::for_each(scope, input, Element::work);
    }

    fn check(&self, input: &Vec<Element>, (): &()) -> anyhow::Result<()> {
        let wrong = input.iter().position(|element| element.result != element.hash());
        ensure!(wrong.is_none(), "element {wrong:?} is wrong");
        Ok(())
    }
}

/// Adds up what is computed from each number of a range.
#[derive(Clone, Copy, Debug)]
pub struct MapReduce {
    /// How many numbers.
    pub count: usize,
    /// What each costs.
    pub cost: Cost,
}

impl Program for MapReduce {
    type Input = Vec<Element>;
    type Output = u64;

    fn name(&self) -> String {
        format!("map_reduce({} x {})", short(self.count), self.cost.name())
    }

    fn prepare(&self) -> Vec<Element> {
        elements(self.count, self.cost)
    }

    fn run<P: Peer>(&self, scope: &mut P::Scope<'_>, input: &mut Vec<Element>) -> u64 {
        let list = &input[..];
        P::sum(scope, list.len(), |at| u64::from(list[at].hash()))
    }

    fn check(&self, input: &Vec<Element>, output: &u64) -> anyhow::Result<()> {
        let expected: u64 = input.iter().map(|element| u64::from(element.hash())).sum();
        ensure!(*output == expected, "the result is {output}, not {expected}");
        Ok(())
    }
}
