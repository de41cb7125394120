//! Plans in TOML files, and what is said about those that are none.

#![cfg(feature = "config")]

use std::time::Duration;

use amp_executor::{
    IdlePolicy, PlanError, Role, RoleConfig, RolePlan, SchedClass, TomlError, TomlFileError,
};

const ALL_KEYS: &str = r#"
# Roles of the server.
[[role]]
name = "io"
cores = "0,2-3"
capacity = 64
idle = "spin"
shared = true
sched = "normal"
spin_window = "1500us"
lend_to = ["db", "a-1"]

[[role]]
name = "db"
cores = [4, 6, 6]
idle = "park"
sched = "fifo:50"

[[role]]
name = "a-1"
cores = [7]
"#;

fn plan(text: &str) -> RolePlan {
    RolePlan::from_toml(text).unwrap_or_else(|error| panic!("{error}"))
}

fn error(text: &str) -> TomlError {
    RolePlan::from_toml(text).unwrap_err()
}

#[test]
fn all_keys_in_the_order_of_declaration() {
    let role = Role::new;
    let expected = RolePlan::new([
        RoleConfig::new(role("io"))
            .cores([0, 2, 3])
            .capacity(64)
            .idle(IdlePolicy::Spin)
            .shared()
            .spin_window(Duration::from_micros(1500))
            .lend_to(role("db"))
            .lend_to(role("a-1")),
        RoleConfig::new(role("db"))
            .cores([4, 6])
            .idle(IdlePolicy::Park)
            .sched(SchedClass::Fifo(50)),
        RoleConfig::new(role("a-1")).cores([7]),
    ]);
    assert_eq!(plan(ALL_KEYS), expected.unwrap());
}

/// Each mistake: what replaces which line, and the line, column, role and text that are named.
#[test]
fn mistakes_are_found_where_they_are() {
    let cases = [
        (
            "cores = \"0,2-3\"",
            "cores = \"0,x\"",
            5,
            9,
            Some("io"),
            "expected a CPU number at byte 2",
        ),
        ("cores = \"0,2-3\"", "cores = 0", 5, 9, Some("io"), "expected a CPU list"),
        ("cores = \"0,2-3\"", "", 3, 1, Some("io"), "missing field `cores`"),
        ("cores = [4, 6, 6]", "cores = [4, -6]", 15, 13, Some("db"), "-6"),
        ("cores = [4, 6, 6]", "cores = [4, 8192]", 15, 9, Some("db"), "CPU number too large: 8192"),
        (
            "cores = [7]",
            "core = 1",
            21,
            1,
            Some("a-1"),
            "unknown field `core`, expected one of `name`",
        ),
        ("name = \"db\"", "", 13, 1, None, "missing field `name`"),
        ("capacity = 64", "capacity = \"64\"", 6, 12, Some("io"), "expected usize"),
        ("capacity = 64", "capacity = -64", 6, 12, Some("io"), "-64"),
        ("idle = \"spin\"", "idle = \"sleep\"", 7, 8, Some("io"), "one of spin, backoff and park"),
        ("idle = \"spin\"", "idle = 5", 7, 8, Some("io"), "expected a string"),
        ("sched = \"fifo:50\"", "sched = \"fifo:0\"", 17, 9, Some("db"), "fifo:PRIORITY"),
        ("\"1500us\"", "\"1.5ms\"", 10, 15, Some("io"), "a whole number with ns, us, ms or s"),
        ("shared = true", "shared = yes", 8, 10, Some("io"), ""),
        ("[\"db\", \"a-1\"]", "\"db\"", 11, 11, Some("io"), "expected a sequence"),
        ("[\"db\", \"a-1\"]", "[\"db\", 5]", 11, 18, Some("io"), "expected a string"),
        ("# Roles of the server.", "threads = 5", 2, 1, None, "unknown field `threads`"),
    ];
    for (old, new, line, column, role, reason) in cases {
        let error = error(&ALL_KEYS.replacen(old, new, 1));
        let place = (error.line(), error.column(), error.role());
        assert_eq!(place, (Some(line), Some(column), role), "{new:?}: {error}");
        assert!(error.reason().contains(reason), "{new:?}: {error}");
        assert_eq!(error.plan_error(), None);
        if let Some(role) = role {
            assert!(error.to_string().contains(&format!("role \"{role}\"")), "{error}");
        }
    }
}

#[test]
fn roles_that_make_no_plan_are_found_where_they_are() {
    let cases = [
        ("\"io\"", "\"i o\"", 4, 8, "i o"),
        ("\"db\"\ncores", "\"io\"\ncores", 14, 8, "io"),
        ("[4, 6, 6]", "[4, 0]", 15, 9, "db"),
        ("capacity = 64", "capacity = 0", 6, 12, "io"),
        ("capacity = 64", "capacity = 99999999", 6, 12, "io"),
        ("\"park\"", "\"spin\"", 16, 8, "db"),
        ("\"1500us\"", "\"11ms\"", 10, 15, "io"),
        ("\"a-1\"]", "\"log\"]", 11, 11, "io"),
        ("\"a-1\"]", "\"db\"]", 11, 11, "io"),
        ("\"a-1\"]", "\"io\"]", 11, 11, "io"),
        ("cores = [7]", "cores = [5]\nlend_to = [\"io\"]", 11, 11, "io"),
        ("[7]", "[]", 21, 9, "a-1"),
    ];
    for (old, new, line, column, role) in cases {
        let text = ALL_KEYS.replacen(old, new, 1);
        let error = error(&text);
        let place = (error.line(), error.column(), error.role());
        assert_eq!(place, (Some(line), Some(column), Some(role)), "{new:?}: {error}");
        let plan_error = error.plan_error().expect("the text itself is right");
        assert_eq!(error.reason(), plan_error.to_string());
        let shown = text.lines().nth(line - 1).unwrap();
        assert!(error.to_string().contains(shown), "{error}");
    }
}

#[test]
fn a_mistake_in_no_single_place_has_none() {
    let error = error("");
    assert_eq!((error.line(), error.plan_error()), (None, Some(&PlanError::NoRoles)));
    assert_eq!(error.to_string(), "no role is declared");
}

#[test]
fn text_that_is_not_toml() {
    let error = error("[[role]]\nname = \"io\"\ncores = \"0\n");
    assert_eq!((error.line(), error.role()), (Some(3), Some("io")), "{error}");
    let ends_early = RolePlan::from_toml("[[role]]\nname = \"é\"\ncores =").unwrap_err();
    assert_eq!((ends_early.line(), ends_early.column()), (Some(3), Some(8)), "{ends_early}");
}

#[test]
fn the_mark_is_below_the_mistake() {
    let error = error("[[role]]\nname = \"io\"\n\tcores = \"é\"\n");
    let text = error.to_string();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[1..], ["   cores = \"é\"", "           ^^^"], "{text}");
}

#[test]
fn files_are_named_in_their_errors() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("roles.toml");
    let missing = RolePlan::from_toml_file(&path).unwrap_err();
    assert!(matches!(missing, TomlFileError::Read { .. }), "{missing}");
    assert!(missing.to_string().contains("roles.toml"), "{missing}");

    std::fs::write(&path, "role = 5").unwrap();
    let malformed = RolePlan::from_toml_file(&path).unwrap_err();
    assert!(matches!(malformed, TomlFileError::Malformed { .. }), "{malformed}");
    let text = malformed.to_string();
    assert!(text.contains("roles.toml: line 1, column 8"), "{text}");

    let plan = RolePlan::parse("io=0;db=1").unwrap();
    std::fs::write(&path, plan.to_toml()).unwrap();
    assert_eq!(RolePlan::from_toml_file(&path).unwrap(), plan);
}
