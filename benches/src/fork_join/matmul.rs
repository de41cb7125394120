//! The product of two matrices by quadrants: few forks, each with much below it.

use anyhow::ensure;

use super::peer::Peer;
use super::program::Program;

/// Rows and columns of a block that is multiplied without a fork.
const BLOCK: usize = 64;
/// Elements of it.
const BLOCK_ELEMENTS: usize = BLOCK * BLOCK;

/// Multiplies square matrices of `f32` with so many rows. The elements are small integers, so that the result is
/// exact in whatever order it is summed up.
#[derive(Clone, Copy, Debug)]
pub struct Matmul {
    /// Rows: a power of two, 64 or more.
    pub rows: usize,
}

/// The matrices, stored by quadrants: upper left, upper right, lower left, lower right, and each of them likewise down
/// to blocks of rows. A quadrant is then a slice, which can be split off without any unsafe code.
#[derive(Debug)]
pub struct Matrices {
    left: Vec<f32>,
    right: Vec<f32>,
    product: Vec<f32>,
}

impl Program for Matmul {
    type Input = Matrices;
    type Output = ();
    const CHANGES_INPUT: bool = true;

    fn name(&self) -> String {
        format!("matmul({})", self.rows)
    }

    fn prepare(&self) -> Matrices {
        assert!(self.rows.is_power_of_two() && self.rows >= BLOCK, "not a power of two from 64");
        let elements = self.rows * self.rows;
        let matrix =
            |factor: usize| (0..elements).map(|at| (at * factor % 61 % 4) as f32).collect();
        Matrices { left: matrix(7), right: matrix(11), product: vec![0.0; elements] }
    }

    fn reset(&self, input: &mut Matrices) {
        input.product.fill(0.0);
    }

    fn run<P: Peer>(&self, scope: &mut P::Scope<'_>, input: &mut Matrices) {
        add_product::<P>(scope, &mut input.product, &input.left, &input.right);
    }

    /// Freivalds' check: `product * v == left * (right * v)`, exactly, because all of it is integers below 2^53.
    fn check(&self, input: &Matrices, (): &()) -> anyhow::Result<()> {
        let vector: Vec<f64> = (0..self.rows).map(|row| (row * 5 % 13) as f64).collect();
        let expected = self.apply(&input.left, &self.apply(&input.right, &vector));
        ensure!(self.apply(&input.product, &vector) == expected, "the product is wrong");
        Ok(())
    }
}

impl Matmul {
    /// The matrix times a vector, element by element through [`position`].
    fn apply(self, matrix: &[f32], vector: &[f64]) -> Vec<f64> {
        let element = |row, column| f64::from(matrix[position(row, column, self.rows)]);
        let row_times = |row| -> f64 {
            (0..self.rows).map(|column| element(row, column) * vector[column]).sum()
        };
        (0..self.rows).map(row_times).collect()
    }
}

/// Where the element is in a matrix of so many rows that is stored by quadrants.
fn position(row: usize, column: usize, rows: usize) -> usize {
    if rows == BLOCK {
        return row * BLOCK + column;
    }
    let half = rows / 2;
    let quadrant = row / half * 2 + column / half;
    quadrant * half * half + position(row % half, column % half, half)
}

/// `product += left * right`: four quadrants at once, then the same four again.
fn add_product<P: Peer>(
    scope: &mut P::Scope<'_>,
    product: &mut [f32],
    left: &[f32],
    right: &[f32],
) {
    if product.len() == BLOCK_ELEMENTS {
        return add_product_of_blocks(product, left, right);
    }
    let [l11, l12, l21, l22] = quadrants(left);
    let [r11, r12, r21, r22] = quadrants(right);
    four_products::<P>(scope, product, [(l11, r11), (l11, r12), (l21, r11), (l21, r12)]);
    four_products::<P>(scope, product, [(l12, r21), (l12, r22), (l22, r21), (l22, r22)]);
}

fn four_products<P: Peer>(
    scope: &mut P::Scope<'_>,
    product: &mut [f32],
    [f11, f12, f21, f22]: [(&[f32], &[f32]); 4],
) {
    let half = product.len() / 2;
    let (upper, lower) = product.split_at_mut(half);
    let (p11, p12) = upper.split_at_mut(half / 2);
    let (p21, p22) = lower.split_at_mut(half / 2);
    P::join(
        scope,
        |scope| {
            P::join(
                scope,
                |scope| add_product::<P>(scope, p11, f11.0, f11.1),
                |scope| add_product::<P>(scope, p12, f12.0, f12.1),
            )
        },
        |scope| {
            P::join(
                scope,
                |scope| add_product::<P>(scope, p21, f21.0, f21.1),
                |scope| add_product::<P>(scope, p22, f22.0, f22.1),
            )
        },
    );
}

fn quadrants(matrix: &[f32]) -> [&[f32]; 4] {
    let (upper, lower) = matrix.split_at(matrix.len() / 2);
    let (q11, q12) = upper.split_at(upper.len() / 2);
    let (q21, q22) = lower.split_at(lower.len() / 2);
    [q11, q12, q21, q22]
}

/// Not inlined, so that it is the same code for all peers.
#[inline(never)]
fn add_product_of_blocks(product: &mut [f32], left: &[f32], right: &[f32]) {
    let right = &right[..BLOCK_ELEMENTS];
    for (product, left) in product.chunks_exact_mut(BLOCK).zip(left.chunks_exact(BLOCK)) {
        for (factor, right) in left.iter().zip(right.chunks_exact(BLOCK)) {
            for (product, right) in product.iter_mut().zip(right) {
                *product += factor * right;
            }
        }
    }
}
