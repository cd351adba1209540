//! The thread of the control plane: admin API, ops listener, housekeeping.

use std::{sync::Arc, thread::JoinHandle, time::Duration};

use anyhow::{Context, Result};
use tokio::{net::TcpListener, runtime::Runtime, sync::watch};
use tollbar_control::{Control, Ops, serve_admin, serve_ops};
use tollbar_core::Clock;
use tollbar_gateway::Shared;
use tollbar_store::Store;

use crate::{clock::AnchoredClock, tls::Renewal};

/// How often the platform looks after itself.
const HOUSEKEEPING: Duration = Duration::from_secs(1);
/// How often it looks whether there are request ids enough.
const REQUEST_IDS: Duration = Duration::from_millis(20);
/// From this on, a step of the wall clock is an alarm.
const CLOCK_STEP_ALARM_MILLIS: i64 = 2000;

/// The thread, running.
pub(super) struct ControlThread {
    thread: JoinHandle<Result<()>>,
    stop: watch::Sender<Stop>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Stop {
    /// Serving.
    No,
    /// Not ready for new traffic.
    Draining,
    /// To be ended.
    Now,
}

impl ControlThread {
    pub(super) fn start(
        runtime: Runtime,
        [admin, ops]: [TcpListener; 2],
        control: Control,
        shared: Arc<Shared>,
        clock: Arc<AnchoredClock>,
        store: Store,
        certificates: &Renewal,
    ) -> Result<Self> {
        let tls = certificates.meters();
        let (stop, stopped) = watch::channel(Stop::No);
        let work = async move {
            let ready = stopped.clone();
            let metrics = shared.metrics.clone();
            let ops_answers = Ops {
                ready: Arc::new(move || match *ready.borrow() {
                    Stop::No => Ok(()),
                    Stop::Draining | Stop::Now => Err("draining".to_owned()),
                }),
                metrics: Arc::new(move || tls.add_to(metrics.text())),
            };
            let control = Arc::new(control);
            let admin = serve_admin(admin, control.clone(), until_now(stopped.clone()));
            let ops = serve_ops(ops, ops_answers, until_now(stopped.clone()));
            let (admin, ops, ()) =
                tokio::join!(admin, ops, keep_house(&shared, &control, &clock, &store, stopped));
            admin.context("the admin listener failed").and(ops.context("the ops listener failed"))
        };
        let thread = std::thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || runtime.block_on(work))
            .context("the control thread cannot be started")?;
        Ok(Self { thread, stop })
    }

    /// No new traffic is asked for any more.
    pub(super) fn drain(&self) {
        self.stop.send_replace(Stop::Draining);
    }

    pub(super) fn end(self) -> Result<()> {
        self.stop.send_replace(Stop::Now);
        self.thread.join().map_err(|_| anyhow::anyhow!("the control plane panicked"))?
    }
}

async fn until_now(mut stopped: watch::Receiver<Stop>) {
    // An error means that the other end is gone: then it is time as well.
    let _ = stopped.wait_for(|stop| *stop == Stop::Now).await;
}

/// What has to be done now and then.
async fn keep_house(
    shared: &Shared,
    control: &Arc<Control>,
    clock: &AnchoredClock,
    store: &Store,
    stopped: watch::Receiver<Stop>,
) {
    let mut tick = tokio::time::interval(HOUSEKEEPING);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut ids = tokio::time::interval(REQUEST_IDS);
    ids.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut is_alarmed = false;
    let mut stopping = std::pin::pin!(until_now(stopped));
    loop {
        tokio::select! {
            () = &mut stopping => return,
            _ = tick.tick() => {}
            _ = ids.tick() => {
                if let Err(failure) = shared.request_ids.refill(store, clock.now()).await {
                    tracing::error!(%failure, "no further request ids could be leased");
                }
                continue;
            }
        }
        shared.directory.forget_expired_revocations(clock.now());
        shared.directory.unlist_ended_signing_keys(clock.now());
        control.drop_unneeded_secrets().await;
        shared.note_gauges();
        shared.metrics.log_dropped.set(i64::try_from(shared.requests.dropped()).unwrap_or(i64::MAX));
        shared.metrics.journal_damage.set(i64::try_from(store.journal_damage()).unwrap_or(i64::MAX));
        let step = clock.step_millis();
        shared.metrics.clock_step_millis.set(step);
        let is_far = step.abs() >= CLOCK_STEP_ALARM_MILLIS;
        if is_far && !is_alarmed {
            tracing::error!(
                step_millis = step,
                "the wall clock was stepped; the platform keeps its own time until it is restarted"
            );
        }
        is_alarmed = is_far;
        // It stands in the log's queue, which may be slow; nothing else waits for it.
        let _ = tokio::time::timeout(HOUSEKEEPING, control.forget_old_requests()).await;
    }
}
