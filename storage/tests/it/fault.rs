//! Every call to the disk fails, in every way.

use driftline_storage::{Fault, SimAction, SimDisk};

use crate::sample::{cases, exhaustive, mix, sampled, seed};
use crate::session::{Session, reference};

const FAULTS: [Fault; 4] = [Fault::Eio, Fault::Enospc, Fault::ShortWrite, Fault::FailedSync];

/// What the client does about an error.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reaction {
    /// Sends again to the same engine; after a few errors it restarts the process.
    Persist,
    /// Restarts the process; the machine keeps running.
    Restart,
    /// The machine loses power.
    PowerCut,
}

const REACTIONS: [Reaction; 3] = [Reaction::Persist, Reaction::Restart, Reaction::PowerCut];

/// Works through the workload on a disk whose calls fail, and checks that nothing acknowledged is missing, then and
/// after a power cut.
fn work(mut disk: SimDisk, reaction: Reaction, errors_max: u64, context: &str) {
    let mut session = Session::default();
    let seed = disk.calls();
    let mut outcome = session.run(&disk);
    for errors in 1.. {
        let Err(error) = outcome else { break };
        assert!(errors <= errors_max, "{context}: no end of errors: {error}");
        outcome = if reaction == Reaction::Persist && errors % 4 != 0 && session.can_resend() {
            check_shown(&session, context);
            session.run(&disk)
        } else {
            session.leave();
            if reaction == Reaction::PowerCut || disk.crashed() {
                disk = disk.restart(seed.wrapping_add(errors));
            }
            session.come_back(&disk, context).and_then(|()| session.run(&disk))
        };
    }
    // The power may also go while this reads, or at a call whose failure the engine can do without.
    if let Err(error) = session.check_end(context) {
        assert!(disk.crashed(), "{context}: {error}");
    }
    session.leave();
    let after = disk.restart(seed);
    session.come_back(&after, &format!("{context}, power cut at the end")).unwrap();
    session.check_end(context).unwrap();
}

/// An engine in trouble may refuse to read, but not show a wrong state.
fn check_shown(session: &Session, context: &str) {
    if let Ok(found) = session.check_state(context) {
        assert!(found >= session.acked, "{context}");
    }
}

/// Whether the fault does something at this call that no other fault does: short writes are of appends, failed syncs
/// of syncs, and a read finds no full disk.
fn is_own_case(fault: Fault, call: u64) -> bool {
    let action = reference().record[call as usize].action;
    match fault {
        Fault::Eio => true,
        Fault::Enospc => action != SimAction::Read,
        Fault::ShortWrite => action == SimAction::Append,
        Fault::FailedSync => matches!(action, SimAction::Sync | SimAction::SyncDir),
    }
}

#[test]
fn a_failing_call_gives_an_error_and_loses_nothing() {
    let seed = seed();
    for (round, fault) in FAULTS.into_iter().enumerate() {
        for (turn, reaction) in REACTIONS.into_iter().enumerate() {
            let seed = mix(seed.wrapping_add((round * 8 + turn) as u64));
            for call in cases(reference().calls, 16, seed).filter(|call| is_own_case(fault, *call)) {
                let context = format!("{fault:?} at call {call}, {reaction:?}, seed {seed}");
                let disk = SimDisk::new(seed);
                disk.fail(call, fault);
                work(disk, reaction, 12, &context);
            }
        }
    }
}

/// fsyncgate and then a power cut: what the failed sync dropped is still shown to the engine, and later syncs report
/// success.
#[test]
fn a_failed_sync_before_a_power_cut_loses_nothing() {
    let seed = seed();
    for reaction in REACTIONS {
        for call in cases(reference().calls, 16, seed).filter(|call| is_own_case(Fault::FailedSync, *call)) {
            let seed = mix(seed.wrapping_add(call));
            let later = call + 1 + mix(seed) % 30;
            let context = format!("failed sync at call {call}, crash at {later}, {reaction:?}, seed {seed}");
            let disk = SimDisk::new(seed);
            disk.fail(call, Fault::FailedSync);
            disk.crash_at(later);
            work(disk, reaction, 12, &context);
        }
    }
}

#[test]
fn a_disk_that_stays_full_for_a_while_loses_nothing() {
    let seed = seed();
    for reaction in [Reaction::Persist, Reaction::Restart] {
        for call in sampled(reference().calls, if exhaustive() { 4 } else { 40 }, seed) {
            let context = format!("full from call {call} on, {reaction:?}, seed {seed}");
            let disk = SimDisk::new(seed);
            (call..call + 20).for_each(|call| disk.fail(call, Fault::Enospc));
            work(disk, reaction, 60, &context);
        }
    }
}
