//! Adaptive integration of `(x^2 + 1) x`: forks of which nobody knows beforehand how much is below them.

use anyhow::ensure;

use super::peer::Peer;
use super::program::Program;

/// Two halves are as good as the whole where they differ by less.
const EPSILON: f64 = 1e-9;

/// Integrates from 0 to `end`, by trapezoids that are halved until it makes no difference.
#[derive(Clone, Copy, Debug)]
pub struct Integrate {
    /// Upper bound; the lower is 0.
    pub end: f64,
}

impl Program for Integrate {
    type Input = f64;
    type Output = f64;

    fn name(&self) -> String {
        format!("integrate({})", self.end)
    }

    fn prepare(&self) -> f64 {
        self.end
    }

    fn run<P: Peer>(&self, scope: &mut P::Scope<'_>, end: &mut f64) -> f64 {
        let (from, to) = (Point::at(0.0), Point::at(*end));
        integrate::<P>(scope, from, to, trapezoid(from, to))
    }

    fn check(&self, end: &f64, output: &f64) -> anyhow::Result<()> {
        let exact = end.powi(4) / 4.0 + end.powi(2) / 2.0;
        ensure!((output / exact - 1.0).abs() < 1e-9, "the result is {output}, not {exact}");
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct Point {
    x: f64,
    y: f64,
}

impl Point {
    fn at(x: f64) -> Self {
        Self { x, y: (x * x + 1.0) * x }
    }
}

fn trapezoid(from: Point, to: Point) -> f64 {
    (from.y + to.y) / 2.0 * (to.x - from.x)
}

fn integrate<P: Peer>(scope: &mut P::Scope<'_>, from: Point, to: Point, area: f64) -> f64 {
    let middle = Point::at(from.x + (to.x - from.x) / 2.0);
    let (left, right) = (trapezoid(from, middle), trapezoid(middle, to));
    if (left + right - area).abs() < EPSILON {
        return left + right;
    }
    let (left, right) = P::join(
        scope,
        |scope| integrate::<P>(scope, from, middle, left),
        |scope| integrate::<P>(scope, middle, to, right),
    );
    left + right
}
