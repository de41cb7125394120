//! Snapshots for whatever the program gives its metrics to, through the `metrics` facade.

use std::time::Duration;

use metrics::{Label, Unit, counter, describe_counter, describe_gauge, gauge};

use super::snapshot::{ExecutorMetrics, RoleMetrics, WorkerMetrics};

impl ExecutorMetrics {
    /// Hands the snapshot to the program's recorder of the [`metrics`] facade: what only grows as counters, the rest as gauges, under
    /// the label `executor`, and `worker` and `role` where it is about one. Called as often as the figures are wanted, by a task of the
    /// program or by whoever asks for them.
    ///
    /// Without a recorder it does nothing. Present with the feature `metrics`.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::ExecutorMetrics;
    ///
    /// ExecutorMetrics::describe();
    /// ExecutorMetrics::default().publish("search");
    /// ```
    pub fn publish(&self, executor: &str) {
        let labels = vec![Label::new("executor", executor.to_owned())];
        gauge!("executor_uptime_seconds", labels.clone()).set(self.uptime.as_secs_f64());
        gauge!("executor_utilisation_ratio", labels.clone()).set(self.utilisation());
        gauge!("executor_imbalance_ratio", labels.clone()).set(self.imbalance());
        gauge!("executor_queue_depth", labels.clone()).set(self.global_queue_depth as f64);
        gauge!("executor_live_futures", labels.clone()).set(self.live_futures as f64);
        counter!("executor_wakes_sent_total", labels.clone()).absolute(self.wakes_sent);
        for worker in &self.workers {
            worker.publish(&labels);
        }
        for role in &self.roles {
            role.publish(&labels);
        }
    }

    /// Tells the recorder what the figures of [`ExecutorMetrics::publish`] mean, for those that show it. Called once, after the
    /// recorder has been installed. Present with the feature `metrics`.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor_common::ExecutorMetrics;
    ///
    /// // The program's own recorder has been installed before.
    /// ExecutorMetrics::describe();
    /// ExecutorMetrics::default().publish("search");
    /// ```
    pub fn describe() {
        describe_gauge!(
            "executor_uptime_seconds",
            Unit::Seconds,
            "Time since the executor was built"
        );
        describe_gauge!("executor_utilisation_ratio", "Busy time by uptime and workers");
        describe_gauge!("executor_imbalance_ratio", "Busiest worker's busy time by the mean");
        describe_gauge!("executor_queue_depth", "Tasks in queues that no worker owns");
        describe_gauge!("executor_live_futures", "Futures suspended at least once and not done");
        describe_counter!("executor_wakes_sent_total", "Sleeping workers woken for work");
        describe_counter!("executor_worker_tasks_run_total", "Closures run and futures polled");
        describe_counter!("executor_worker_completed_total", "Tasks that ended");
        describe_counter!("executor_worker_panics_total", "Tasks that panicked");
        describe_counter!("executor_worker_steals_total", "Times it took tasks from another");
        describe_counter!("executor_worker_stolen_total", "Tasks taken from other workers");
        describe_counter!("executor_worker_parks_total", "Times it went to sleep");
        describe_counter!("executor_worker_stalls_total", "Tasks that held it for too long");
        describe_gauge!("executor_worker_busy_seconds", Unit::Seconds, "Time with something to do");
        describe_gauge!("executor_worker_queue_depth", "Tasks in its own queue");
        describe_counter!("executor_role_admitted_total", "Tasks accepted");
        describe_counter!("executor_role_rejected_total", "Tasks turned away for want of room");
        describe_counter!("executor_role_tasks_run_total", "Closures run and futures polled");
        describe_counter!("executor_role_completed_total", "Admitted tasks that ended on a worker");
        describe_counter!("executor_role_expired_total", "Tasks whose time to live had passed");
        describe_counter!("executor_role_cancelled_total", "Admitted tasks that were cancelled");
        describe_counter!("executor_role_missed_periods_total", "Periods without a run");
        describe_counter!("executor_role_stalls_total", "Tasks that held a worker for too long");
        describe_gauge!("executor_role_busy_seconds", Unit::Seconds, "Time with something to do");
        describe_gauge!("executor_role_queue_depth", "Tasks that wait for it");
        describe_gauge!("executor_role_capacity", "Room in its channel; 0 without a bound");
    }
}

impl WorkerMetrics {
    fn publish(&self, executor: &[Label]) {
        let mut labels = executor.to_vec();
        labels.push(Label::new("worker", self.index.to_string()));
        labels.extend(self.role.map(|role| Label::from_static_parts("role", role.name())));
        let count = |name: &'static str, value: u64| counter!(name, labels.clone()).absolute(value);
        count("executor_worker_tasks_run_total", self.tasks_run);
        count("executor_worker_completed_total", self.completed);
        count("executor_worker_panics_total", self.panics);
        count("executor_worker_steals_total", self.steals);
        count("executor_worker_stolen_total", self.stolen);
        count("executor_worker_parks_total", self.parks);
        count("executor_worker_stalls_total", self.stalls);
        set("executor_worker_queue_depth", &labels, self.queue_depth as f64);
        set_time("executor_worker_busy_seconds", &labels, self.busy);
    }
}

impl RoleMetrics {
    fn publish(&self, executor: &[Label]) {
        let mut labels = executor.to_vec();
        labels.extend(self.role.map(|role| Label::from_static_parts("role", role.name())));
        let count = |name: &'static str, value: u64| counter!(name, labels.clone()).absolute(value);
        count("executor_role_admitted_total", self.admitted);
        count("executor_role_rejected_total", self.rejected);
        count("executor_role_tasks_run_total", self.tasks_run);
        count("executor_role_completed_total", self.completed);
        count("executor_role_expired_total", self.expired);
        count("executor_role_cancelled_total", self.cancelled);
        count("executor_role_missed_periods_total", self.missed_periods);
        count("executor_role_stalls_total", self.stalls);
        set("executor_role_queue_depth", &labels, self.queue_depth as f64);
        set("executor_role_capacity", &labels, self.capacity as f64);
        set_time("executor_role_busy_seconds", &labels, self.busy);
    }
}

fn set(name: &'static str, labels: &[Label], value: f64) {
    gauge!(name, labels.to_vec()).set(value);
}

fn set_time(name: &'static str, labels: &[Label], value: Duration) {
    set(name, labels, value.as_secs_f64());
}
