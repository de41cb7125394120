//! The tasks that a request consists of.

use super::{Class, Workload};

/// What a class leads to: its index, how many, and how likely.
fn edges(class: &Class) -> impl Iterator<Item = (usize, usize, f64)> + '_ {
    let spawned = class.spawns.iter().map(|each| (each.class, each.count, each.chance));
    spawned.chain(class.then.map(|then| (then, 1, 1.0)))
}

/// The classes, each after all those that it leads to; or, where some lead back to themselves, one such circle, its first class
/// again at the end.
pub(super) fn children_first(classes: &[Class]) -> Result<Vec<usize>, Vec<usize>> {
    let mut walk = Walk { classes, path: Vec::new(), order: Vec::new() };
    (0..classes.len()).try_for_each(|class| walk.visit(class))?;
    Ok(walk.order)
}

/// A walk along the edges, depth first.
struct Walk<'a> {
    classes: &'a [Class],
    /// From where the walk began to where it is.
    path: Vec<usize>,
    /// The classes of which all that they lead to has been visited.
    order: Vec<usize>,
}

impl Walk<'_> {
    fn visit(&mut self, class: usize) -> Result<(), Vec<usize>> {
        if self.order.contains(&class) {
            return Ok(());
        }
        if let Some(start) = self.path.iter().position(|earlier| *earlier == class) {
            return Err(self.path[start..].iter().copied().chain([class]).collect());
        }
        self.path.push(class);
        let classes = self.classes;
        edges(&classes[class]).try_for_each(|(next, _, _)| self.visit(next))?;
        self.path.pop();
        self.order.push(class);
        Ok(())
    }
}

/// The most tasks that a request of each class can consist of. `order` is that of [`children_first`].
pub(super) fn most_tasks(classes: &[Class], order: &[usize]) -> Vec<u64> {
    let mut most = vec![1_u64; classes.len()];
    for &class in order {
        most[class] = edges(&classes[class]).fold(1, |sum: u64, (next, count, _)| {
            sum.saturating_add(most[next].saturating_mul(count as u64))
        });
    }
    most
}

/// The expected number of tasks of each class in a request of `root`. `order` is that of [`children_first`].
pub(super) fn expected_tasks(classes: &[Class], order: &[usize], root: usize) -> Vec<f64> {
    let mut expected = vec![0.0; classes.len()];
    expected[root] = 1.0;
    for &class in order.iter().rev() {
        for (next, count, chance) in edges(&classes[class]) {
            expected[next] += expected[class] * count as f64 * chance;
        }
    }
    expected
}

impl Workload {
    /// The expected number of tasks of each class in a request of this one, which counts as well.
    ///
    /// # Panics
    ///
    /// Classes lead back to themselves, which no workload that was read does.
    pub fn tasks_per_request(&self, class: usize) -> Vec<f64> {
        let order = children_first(&self.classes).expect("a request's tasks are a tree");
        expected_tasks(&self.classes, &order, class)
    }

    /// The classes whose requests arrive by themselves.
    pub fn roots(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.classes.len()).filter(|class| self.classes[*class].arrival.is_some())
    }

    /// The class of this name.
    pub fn class_index(&self, name: &str) -> Option<usize> {
        self.classes.iter().position(|class| class.name == name)
    }
}
