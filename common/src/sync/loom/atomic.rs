//! loom's atomics, each of whose orderings `cargo weaken` can replace.

use std::fmt;

pub use loom::sync::atomic::Ordering;

use super::weaken;

/// The methods that the code uses; the read-modify-writes that go without a comparison are listed.
macro_rules! atomic {
    ($name:ident $(<$T:ident>)?, $value:ty: $($operation:ident)*) => {
        #[doc = concat!("`std::sync::atomic::", stringify!($name), "` in a model.")]
        pub struct $name$(<$T>)?(loom::sync::atomic::$name$(<$T>)?);

        impl$(<$T>)? $name$(<$T>)? {
            /// As the standard library's; a fresh object of the model.
            #[track_caller]
            pub fn new(value: $value) -> Self {
                Self(loom::sync::atomic::$name::new(value))
            }

            /// As the standard library's.
            #[track_caller]
            pub fn load(&self, ordering: Ordering) -> $value {
                self.0.load(weaken::one("load", ordering))
            }

            /// As the standard library's.
            #[track_caller]
            pub fn store(&self, value: $value, ordering: Ordering) {
                self.0.store(value, weaken::one("store", ordering));
            }

            $(
                /// As the standard library's.
                #[track_caller]
                pub fn $operation(&self, value: $value, ordering: Ordering) -> $value {
                    self.0.$operation(value, weaken::one(stringify!($operation), ordering))
                }
            )*

            /// As the standard library's.
            ///
            /// # Errors
            ///
            /// The value, if it is not `current`.
            #[track_caller]
            pub fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                let (success, failure) = weaken::two("compare_exchange", success, failure);
                self.0.compare_exchange(current, new, success, failure)
            }

            /// As the standard library's.
            ///
            /// # Errors
            ///
            /// The value, if it is not `current`. It does not fail spuriously in a model.
            #[track_caller]
            pub fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                let (success, failure) = weaken::two("compare_exchange_weak", success, failure);
                self.0.compare_exchange_weak(current, new, success, failure)
            }

            /// As the standard library's.
            ///
            /// # Errors
            ///
            /// The value, if `update` has none to put in its place.
            #[track_caller]
            pub fn fetch_update(
                &self,
                set: Ordering,
                fetch: Ordering,
                update: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                let (set, fetch) = weaken::two("fetch_update", set, fetch);
                self.0.fetch_update(set, fetch, update)
            }
        }

        impl$(<$T>)? fmt::Debug for $name$(<$T>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

atomic!(AtomicBool, bool: swap);
atomic!(AtomicPtr<T>, *mut T: swap);
atomic!(AtomicU32, u32: swap fetch_or fetch_max);
atomic!(AtomicU64, u64:);
atomic!(AtomicUsize, usize: swap fetch_add fetch_sub fetch_and fetch_or fetch_max);

/// As the standard library's.
#[track_caller]
pub fn fence(ordering: Ordering) {
    if let Some(ordering) = weaken::fence("fence", ordering) {
        loom::sync::atomic::fence(ordering);
    }
}

/// So many null pointers. A model has memory for them.
pub fn null_pointers<T>(count: usize) -> Option<Box<[AtomicPtr<T>]>> {
    Some((0..count).map(|_| AtomicPtr::new(std::ptr::null_mut())).collect())
}
