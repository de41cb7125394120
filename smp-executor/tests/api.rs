//! What the types promise to the compiler.

use smp_executor::{BuildError, Scope, SmpBuilder, SmpExecutor, SmpHandle};
use static_assertions::{assert_impl_all, assert_not_impl_any};

assert_impl_all!(SmpExecutor: Send, Sync, std::fmt::Debug);
assert_impl_all!(SmpHandle: Send, Sync, Clone, std::fmt::Debug);
assert_impl_all!(SmpBuilder: Send, std::fmt::Debug);
assert_impl_all!(BuildError: Send, Sync, std::error::Error);
// Tasks use their scope from other threads; it is shared, never copied.
assert_impl_all!(Scope<'static>: Sync);
assert_not_impl_any!(Scope<'static>: Clone);
// One owner ends the pool; everybody else has a handle.
assert_not_impl_any!(SmpExecutor: Clone);
