//! One process: takes jobs, does them, acknowledges them.

use amp_executor::{
    AmpExecutor, CancellationToken, JoinSet, PinPolicy, Role, RoleHandle, RolePlan, RoleRequest,
    block_on,
};
use anyhow::{Context, Result, ensure};
use async_compat::Compat;
use async_nats::Client;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, Message};
use futures_util::StreamExt;

use crate::{JOBS, RESULTS, STOP, job};

const IO: Role = Role::new("io");
const COMPUTE: Role = Role::new("compute");

pub(crate) fn run(url: &str) -> Result<()> {
    let plan =
        RolePlan::suggest([RoleRequest::new(IO).cores(1).background(), RoleRequest::new(COMPUTE)])?;
    // The example's processes share one machine. With a machine of its own a worker is pinned: `PinPolicy::Require`.
    let amp = AmpExecutor::builder()
        .plan(plan.into_plan())
        .shutdown_order([IO, COMPUTE])
        .pin(PinPolicy::Off)
        .build()?;
    let (io, compute) = (amp.role(IO)?, amp.role(COMPUTE)?);

    let client = block_on(Compat::new(async_nats::connect(url)))?;
    let stop = CancellationToken::new();
    // One lane more than there are workers, so that a job waits here while another is acknowledged.
    let mut lanes = JoinSet::new();
    for _ in 0..=compute.workers() {
        let lane = lane(client.clone(), compute.clone(), stop.clone());
        lanes.add(io.spawn_future(Compat::new(lane))?);
    }

    block_on(Compat::new(async {
        let mut orders = client.subscribe(STOP).await?;
        orders.next().await.context("the connection is gone")
    }))?;
    stop.cancel();
    for ended in lanes.join_all() {
        ended??;
    }
    let report = amp.shutdown();
    ensure!(report.is_clean(), "{report}");
    Ok(())
}

/// Takes one job after the other; runs on `io`. A job under way is finished before the end.
async fn lane(client: Client, compute: RoleHandle, stop: CancellationToken) -> Result<()> {
    let queue = jetstream::new(client);
    let consumer: PullConsumer = queue.get_consumer_from_stream(JOBS, JOBS).await?;
    let mut jobs = consumer.stream().max_messages_per_batch(1).messages().await?;
    while let Some(Some(job)) = stop.run_until_cancelled(jobs.next()).await {
        one(&queue, &compute, job?).await?;
    }
    Ok(())
}

/// Does one job. Whatever ends this function, or this process, before its last line leaves the job with the server, which hands it out
/// again.
async fn one(queue: &jetstream::Context, compute: &RoleHandle, message: Message) -> Result<()> {
    let number = job::number(&message.payload)?;
    // Waits for room in the role's channel, and for the answer, without holding this core.
    let result = compute.call(move || job::work(number)).await?;
    // The server keeps one result of each job, should it be done twice.
    let stored = PublishMessage::build()
        .message_id(number.to_string())
        .payload(job::to_text(number, result).into());
    queue.send_publish(RESULTS, stored).await?.await?;
    message.double_ack().await.map_err(anyhow::Error::from_boxed)
}
