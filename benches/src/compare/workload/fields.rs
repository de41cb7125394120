//! The tables and values of a workload file, with the places where they stand.
//!
//! A table is asked for each field by name, and in the end for what nobody has asked for. Whatever is not as expected is noted, and
//! the reading goes on: deserialising would stop at the first mistake, and would not know the field's path.

use std::cell::RefCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{At, Problems};

/// A table, and which of its fields have been asked for.
#[derive(Debug)]
pub(super) struct Table<'a> {
    pub(super) at: At,
    fields: &'a DeTable<'a>,
    asked: RefCell<Vec<&'static str>>,
    pub(super) problems: &'a Problems<'a>,
}

/// A value of a table or an array.
#[derive(Clone, Debug)]
pub(super) struct Field<'a> {
    pub(super) at: At,
    /// The key's place, where it has one.
    pub(super) key: At,
    value: &'a DeValue<'a>,
    pub(super) problems: &'a Problems<'a>,
}

impl<'a> Table<'a> {
    pub(super) fn new(at: At, fields: &'a DeTable<'a>, problems: &'a Problems<'a>) -> Self {
        Self { at, fields, asked: RefCell::default(), problems }
    }

    /// A field that may be left out.
    pub(super) fn get(&self, name: &'static str) -> Option<Field<'a>> {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&name) {
            asked.push(name);
        }
        let (key, value) = self.fields.get_key_value(name)?;
        Some(self.field(key.get_ref(), key.span(), value))
    }

    /// A field that must be there.
    pub(super) fn need(&self, name: &'static str) -> Option<Field<'a>> {
        let field = self.get(name);
        if field.is_none() {
            self.problems.add(&self.at, format!("`{name}` is missing"));
        }
        field
    }

    /// The one of these fields that is there.
    pub(super) fn one_of(&self, names: &[&'static str]) -> Option<(&'static str, Field<'a>)> {
        let given: Vec<_> =
            names.iter().filter_map(|name| Some((*name, self.get(name)?))).collect();
        match <[_; 1]>::try_from(given) {
            Ok([one]) => Some(one),
            Err(none) if none.is_empty() => {
                let found: Vec<_> =
                    self.all().into_iter().map(|(name, _)| key_text(name)).collect();
                let found = if found.is_empty() { "nothing".to_owned() } else { quoted(&found) };
                let expected = quoted(names);
                self.problems.add(&self.at, format!("expected one of {expected}; found {found}"));
                None
            }
            Err(several) => {
                let names: Vec<_> = several.iter().map(|(name, _)| *name).collect();
                let reason = format!("{} cannot be given together", quoted(&names));
                self.problems.add(&several[1].1.key, reason);
                None
            }
        }
    }

    /// All fields, in the order of the text.
    pub(super) fn all(&self) -> Vec<(&'a str, Field<'a>)> {
        let mut all: Vec<_> = self
            .fields
            .iter()
            .map(|(key, value)| {
                (key.get_ref().as_ref(), self.field(key.get_ref(), key.span(), value))
            })
            .collect();
        all.sort_by_key(|(_, field)| field.key.span.start);
        all
    }

    /// Refuses what nobody has asked for.
    pub(super) fn end(self) {
        let asked = self.asked.borrow();
        for (name, field) in self.all() {
            if !asked.contains(&name) {
                let reason = format!("there is no such field; known here: {}", quoted(&asked));
                self.problems.add(&field.key, reason);
            }
        }
    }

    fn field(&self, name: &str, key: Range<usize>, value: &'a Spanned<DeValue<'a>>) -> Field<'a> {
        let separator = if self.at.field.is_empty() { "" } else { "." };
        let field = format!("{}{separator}{}", self.at.field, key_text(name));
        Field {
            at: At { field: field.clone(), span: value.span() },
            key: At { field, span: key },
            value: value.get_ref(),
            problems: self.problems,
        }
    }
}

impl<'a> Field<'a> {
    /// Notes a problem with it.
    pub(super) fn refuse<T>(&self, reason: impl Into<String>) -> Option<T> {
        self.problems.add(&self.at, reason);
        None
    }

    /// A text.
    pub(super) fn text(&self) -> Option<&'a str> {
        self.value.as_str().or_else(|| self.unexpected("a string"))
    }

    /// A text, where it is one.
    pub(super) fn as_text(&self) -> Option<&'a str> {
        self.value.as_str()
    }

    /// A table.
    pub(super) fn table(&self) -> Option<Table<'a>> {
        match self.value.as_table() {
            Some(fields) => Some(Table::new(self.at.clone(), fields, self.problems)),
            None => self.unexpected("a table"),
        }
    }

    /// Whether it is a table.
    pub(super) fn is_table(&self) -> bool {
        self.value.is_table()
    }

    /// Whether it is an array.
    pub(super) fn is_array(&self) -> bool {
        self.value.is_array()
    }

    /// The elements of an array.
    pub(super) fn elements(&self) -> Option<Vec<Field<'a>>> {
        let Some(array) = self.value.as_array() else { return self.unexpected("an array") };
        let element = |(index, value): (usize, &'a Spanned<DeValue<'a>>)| {
            let at = At { field: format!("{}[{index}]", self.at.field), span: value.span() };
            Field { key: at.clone(), at, value: value.get_ref(), problems: self.problems }
        };
        Some(array.iter().enumerate().map(element).collect())
    }

    /// The tables of an array of tables. Each is named by its field `name`, or else by its number from 1.
    pub(super) fn named_tables(&self) -> Option<Vec<Table<'a>>> {
        let tables = self.elements()?.into_iter().enumerate().filter_map(|(index, field)| {
            let mut table = field.table()?;
            let name = table.fields.get("name").and_then(|name| name.get_ref().as_str());
            table.at.field = match name {
                Some(name) => format!("{} {name:?}", self.at.field),
                None => format!("{} {}", self.at.field, index + 1),
            };
            Some(table)
        });
        Some(tables.collect())
    }

    /// Yes or no.
    pub(super) fn flag(&self) -> Option<bool> {
        self.value.as_bool().or_else(|| self.unexpected("true or false"))
    }

    /// A number.
    pub(super) fn number(&self) -> Option<f64> {
        self.as_number().or_else(|| self.unexpected("a number"))
    }

    /// A number, where it is one.
    pub(super) fn as_number(&self) -> Option<f64> {
        match self.value {
            DeValue::Integer(integer) => {
                Some(i128::from_str_radix(integer.as_str(), integer.radix()).ok()? as f64)
            }
            DeValue::Float(float) => float.as_str().parse().ok(),
            _ => None,
        }
    }

    /// A whole number from `least` to `most`.
    pub(super) fn whole(&self, least: u64, most: u64) -> Option<u64> {
        let Some(integer) = self.value.as_integer() else {
            return self.unexpected("a whole number");
        };
        let number = i128::from_str_radix(integer.as_str(), integer.radix()).ok();
        match number.and_then(|number| u64::try_from(number).ok()) {
            Some(number) if (least..=most).contains(&number) => Some(number),
            _ => self.refuse(format!("{integer} is not from {least} to {most}")),
        }
    }

    /// Notes that it is something else.
    pub(super) fn unexpected<T>(&self, expected: &str) -> Option<T> {
        let found = match self.value {
            DeValue::String(text) => format!("the string {text:?}"),
            DeValue::Integer(number) => format!("the integer {number}"),
            DeValue::Float(number) => format!("the number {number}"),
            DeValue::Boolean(value) => value.to_string(),
            DeValue::Datetime(_) => "a date or time of day".to_owned(),
            DeValue::Array(_) => "an array".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        };
        self.refuse(format!("expected {expected}, found {found}"))
    }
}

/// A key as it can be written in a path.
fn key_text(key: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if !key.is_empty() && key.bytes().all(is_bare) { key.to_owned() } else { format!("{key:?}") }
}

/// Names in a sentence.
pub(super) fn quoted<T: AsRef<str>>(names: &[T]) -> String {
    names.iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}
