//! Plans that ask for far too much are refused: by a short text, soon, and without the memory that they ask for.

mod faults_support;
mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Display;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use amp_executor::{
    AmpExecutor, BuildError, ENV_VARIABLE, MAX_CAPACITY, MAX_WORKERS, PlanError, Role, RoleConfig,
    RolePlan,
};
use faults_support::{child, child_succeeds};
use support::{A, assert_accounted, one_role, usable, watchdog};

/// No text of an error is longer, in bytes.
const SHORT: usize = 1500;

/// No refusal takes more memory at a time, beyond what was handed over, in bytes.
const LITTLE: usize = 64 << 20;

/// Counts the memory in use.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn count(bytes: usize) {
    let in_use = IN_USE.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(in_use, Ordering::Relaxed);
}

// SAFETY: the system's allocator does the work, under the same contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs `body` in a process of its own, since the counts are the process' own, and nobody else is to allocate meanwhile.
fn alone(test: &str, body: impl FnOnce() + Send + 'static) {
    if child().is_some() {
        watchdog(body);
    } else {
        child_succeeds(test, "alone");
    }
}

/// The error that `refuse` comes to: a short one, after little memory.
#[track_caller]
fn refused<T, E: Display>(refuse: impl FnOnce() -> Result<T, E>) -> E {
    let before = IN_USE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let Err(error) = refuse() else { panic!("accepted") };
    let text = error.to_string();
    let peak = PEAK.load(Ordering::Relaxed).saturating_sub(before);
    assert!(text.len() < SHORT, "{} bytes: {}", text.len(), &text[..SHORT]);
    assert!(peak < LITTLE, "{peak} bytes of memory for {text}");
    error
}

/// A role list of many entries.
fn list(roles: usize, entry: impl Fn(usize) -> String) -> String {
    let mut list = String::new();
    for number in 0..roles {
        write!(list, "{}{}", if number == 0 { "" } else { ";" }, entry(number)).unwrap();
    }
    list
}

/// The same as TOML.
fn toml(roles: usize, cores: &str, more: impl Fn(usize) -> String) -> String {
    let mut toml = String::new();
    for number in 0..roles {
        let more = more(number);
        write!(toml, "[[role]]\nname = \"r{number}\"\ncores = {cores}\n{more}\n").unwrap();
    }
    toml
}

fn assert_too_many(error: &PlanError) {
    assert!(
        matches!(error, PlanError::TooManyWorkers { workers } if *workers > MAX_WORKERS),
        "{error}"
    );
}

/// A square of their number would take minutes.
#[test]
fn a_hundred_thousand_roles() {
    alone("a_hundred_thousand_roles", || {
        const ROLES: usize = 100_000;
        let configs = |core: fn(usize) -> usize| {
            let config = move |number: usize| {
                let role = Role::intern(&format!("r{number}"));
                RoleConfig::new(role).cores([core(number)]).shared()
            };
            (0..ROLES).map(config).collect::<Vec<_>>()
        };
        for core in [|number| number % 8192, |_| 0] {
            let roles = configs(core);
            let build = || roles.into_iter().fold(AmpExecutor::builder(), |all, one| all.role(one));
            let builder = build();
            let BuildError::Plan(error) = refused(|| builder.build()) else { panic!() };
            assert_too_many(&error);
        }
        for cores in ["0 shared", "0-8191 shared", "0-8191:2", "8191"] {
            let text = list(ROLES, |number| format!("r{number}={cores}"));
            assert_too_many(&refused(|| RolePlan::parse(&text)));
            let twice = list(ROLES, |_| format!("r={cores}"));
            assert_too_many(&refused(|| RolePlan::parse(&twice)));
        }
    });
}

/// Every entry is wrong in the same way.
#[test]
fn ten_thousand_mistakes() {
    alone("ten_thousand_mistakes", || {
        for wrong in ["", "=", "r", "r=", "r=x", "r=0 capacity=x", "r=0 share", "r=0 lend=,"] {
            let text = list(10_000, |_| wrong.to_owned());
            let error = refused(|| RolePlan::parse(&text));
            assert!(matches!(error, PlanError::Malformed(_)), "{error}");
        }
        let more = [
            "capacity = -1",
            "capacity = 99999999999999999999",
            "idle = 7",
            "idle = \"sleep\"",
            "sched = \"fifo\"",
            "nonsense = true",
            "lend_to = 7",
            "cores = \"0\"",
            "[[[",
            "= =",
        ];
        for wrong in more {
            let text = toml(10_000, "\"0\"", |_| wrong.to_owned());
            refused(|| RolePlan::from_toml(&text));
        }
        for cores in ["\"x\"", "[-1]", "[99999999999999999999]", "\"8192\"", "{}", "[[]]", "\"\""] {
            let text = toml(10_000, cores, |_| String::new());
            refused(|| RolePlan::from_toml(&text));
        }
        for cores in ["\"0\"\nshared = true", "\"0-8191\"", "\"0-8191:2\"\nshared = true"] {
            let text = toml(10_000, cores, |_| String::new());
            assert_too_many(refused(|| RolePlan::from_toml(&text)).plan_error().unwrap());
        }
    });
}

/// Lists of roles to help, as long as there is text.
#[test]
fn lending_to_a_hundred_thousand() {
    alone("lending_to_a_hundred_thousand", || {
        let names = |prefix: &'static str, count: usize| {
            (0..count).map(move |number| format!("{prefix}{number}")).collect::<Vec<_>>()
        };
        let unknown = format!("r=0 lend={}", names("n", 100_000).join(","));
        let error = refused(|| RolePlan::parse(&unknown));
        assert!(matches!(error, PlanError::LendsToUnknown { .. }), "{error}");
        let twice = format!("{unknown},n99999");
        let error = refused(|| RolePlan::parse(&twice));
        assert!(matches!(error, PlanError::LendsTwice { .. }), "{error}");
        // Each to all that follow: as much lending as there can be without a circle, and then one.
        let roles = names("r", MAX_WORKERS);
        let entry = |last: &'static str| {
            let roles = &roles;
            move |number: usize| match &roles[number + 1..] {
                [] => format!("{}={number}{last}", roles[number]),
                others => format!("{}={number} lend={}", roles[number], others.join(",")),
            }
        };
        RolePlan::parse(&list(MAX_WORKERS, entry(""))).unwrap();
        let circle = list(MAX_WORKERS, entry(" lend=r0"));
        let error = refused(|| RolePlan::parse(&circle));
        let PlanError::LendsInCircle { roles } = &error else { panic!("{error}") };
        assert_eq!(roles.len(), MAX_WORKERS + 1);
        assert!(error.to_string().contains("\"r0\" to \"r1\" to "), "{error}");
        assert!(error.to_string().ends_with(" to \"r0\""), "{error}");
    });
}

/// Names, and everything else that an error could repeat, of a million bytes.
#[test]
fn a_name_of_a_million_bytes() {
    alone("a_name_of_a_million_bytes", || {
        for letter in ["n", "\u{e9}", "\u{1}"] {
            let long = letter.repeat(1_000_000);
            for place in [
                format!("{long}=0"),
                long.clone(),
                format!("r=0;{long}=0;r=x"),
                format!("r={long}"),
                format!("r=0 {long}"),
                format!("r=0 capacity={long}"),
                format!("r=0 sched=fifo:{long}"),
                format!("r=0 lend={long}"),
                format!("r=0 lend={long},{long}"),
            ] {
                refused(|| RolePlan::parse(&place));
            }
            let role = Role::intern(&long);
            refused(|| RolePlan::new([RoleConfig::new(role).cores([0])]));
            let a = || RoleConfig::new(A).cores([0]);
            refused(|| AmpExecutor::builder().role(a().lend_to(role)).build());
            let amp = || AmpExecutor::builder().role(RoleConfig::new(A).cores([usable()[0]]));
            refused(|| amp().state(role, |core| core).build());
            refused(|| amp().shutdown_order([A, role]).build());
            refused(|| amp().shutdown_order([role]).build());
            let text = letter.escape_default().to_string().replace('\'', "").repeat(20_000);
            for place in [
                format!("[[role]]\nname = \"{text}\"\ncores = \"0\""),
                format!("[[role]]\nname = \"{text}\"\ncores = \"x\""),
                format!("[[role]]\nname = \"r\"\ncores = \"{text}\""),
                format!("[[role]]\nname = \"r\"\ncores = \"0\"\nidle = \"{text}\""),
                format!("[[role]]\nname = \"r\"\ncores = \"0\"\nsched = \"{text}\""),
                format!("[[role]]\nname = \"r\"\ncores = \"0\"\nlend_to = [\"{text}\"]"),
                format!("[[role]]\nname = \"r\"\ncores = \"0\"\n\"{text}\" = 7"),
                format!("[[role]]\nname = \"r\"\ncores = \"0\"\n{text}"),
                format!("\"{text}\" = 7"),
                text.clone(),
            ] {
                refused(|| RolePlan::from_toml(&place));
            }
        }
    });
}

/// Numbers that no machine has.
#[test]
fn absurd_numbers() {
    alone("absurd_numbers", || {
        for cores in [
            "4294967295",
            "18446744073709551615",
            "99999999999999999999999999999999",
            "0-4294967295",
            "0-18446744073709551615",
            "0-8191:18446744073709551615",
            "4294967295-0",
            "0-8191:0",
            "8192",
        ] {
            refused(|| RolePlan::parse(&format!("r={cores}")));
            refused(|| RolePlan::from_toml(&toml(1, &format!("\"{cores}\""), |_| String::new())));
            refused(|| RolePlan::from_toml(&toml(1, &format!("[{cores}]"), |_| String::new())));
        }
        let ranges = format!("r={}", ["0-8191"; 20_000].join(","));
        assert_too_many(&refused(|| RolePlan::parse(&ranges)));
        for core in [8192, u32::MAX as usize, usize::MAX >> 1, usize::MAX] {
            let builder = || AmpExecutor::builder().role(RoleConfig::new(A).cores([core]));
            let error = refused(|| builder().build());
            let is_too_large = matches!(&error, BuildError::Plan(PlanError::CoreTooLarge { core: named, .. }) if *named == core);
            assert!(is_too_large, "{error}");
            let both = RoleConfig::new(A).cores([usable()[0], core]);
            refused(|| AmpExecutor::builder().role(both).build());
        }
        for capacity in [0, MAX_CAPACITY + 1, u32::MAX as usize, usize::MAX >> 1, usize::MAX] {
            refused(|| one_role(capacity).build());
            refused(|| RolePlan::parse(&format!("r=0 capacity={capacity}")));
            let more = |_| format!("capacity = {capacity}");
            refused(|| RolePlan::from_toml(&toml(1, "\"0\"", more)));
        }
    });
}

/// A stack of any size is made, or refused as a thread that cannot be started.
#[test]
fn absurd_stacks() {
    alone("absurd_stacks", || {
        for bytes in [0, 1, 4095, 16 << 10] {
            let amp = one_role(8).stack_size(bytes).build().unwrap();
            assert_eq!(amp.role(A).unwrap().spawn(|| 7).unwrap().join().unwrap(), 7);
            assert!(amp.shutdown().is_clean());
            assert_accounted(&amp.metrics());
        }
        for bytes in [1 << 47, 1 << 62, usize::MAX >> 1, usize::MAX - 4096, usize::MAX] {
            let error = refused(|| one_role(8).stack_size(bytes).build());
            assert!(matches!(error, BuildError::Thread { worker: 0, .. }), "{error}");
        }
    });
}

/// What the environment holds is refused as any other list, and no less shortly.
#[test]
fn an_environment_full_of_roles() {
    let Some(case) = child() else {
        // The system allows 128 KiB in one variable.
        for (case, value) in [
            ("too many", list(10_000, |number| format!("r{number}=0"))),
            ("too many", list(16_000, |_| "r=8191".to_owned())),
            ("malformed", ";".repeat(130_000)),
            ("malformed", "\u{e9}".repeat(60_000)),
        ] {
            let output = std::process::Command::new(std::env::current_exe().unwrap())
                .args(["an_environment_full_of_roles", "--exact", "--nocapture"])
                .envs([("AMP_FAULTS_CHILD", case), (ENV_VARIABLE, &value)])
                .output()
                .unwrap();
            assert!(output.status.success(), "{}", faults_support::text_of(&output));
        }
        return;
    };
    watchdog(move || match refused(RolePlan::from_env) {
        PlanError::Malformed(_) => assert_eq!(case, "malformed"),
        error => {
            assert_eq!(case, "too many");
            assert_too_many(&error);
        }
    });
}
