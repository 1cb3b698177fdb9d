//! One transaction for nft, as JSON: the `nftables` crate's types, and raw values for the two expressions they cannot say.
//!
//! nft 1.0.6 refuses `notrack` as crate 0.6.3 writes it, and the crate has no `type_flags` for a prefix translation.
//! Only names from this file's callers, addresses and numbers ever get in: nothing that a person typed.

use std::borrow::Cow;
use std::net::IpAddr;

use ipnet::IpNet;
use nftables::expr::{CT, Expression, Meta, MetaKey, NamedExpression, Payload, PayloadField, Prefix};
use nftables::schema::{Chain, Element, NfCmd, NfListObject, NfObject, Set, SetFlag, SetType, SetTypeValue, Table};
use nftables::stmt::{Accept, Drop, JumpTarget, Match, Operator, Reject, RejectType, Statement};
use nftables::types::{NfChainPolicy, NfChainType, NfFamily, NfHook, RejectCode};
use serde::Serialize;
use serde_json::{Value, json};

pub(super) type Expr = Expression<'static>;

/// A transaction: all of it is carried out, or nothing.
#[derive(Clone, Debug, Serialize)]
pub struct Batch {
    nftables: Vec<Command>,
    #[serde(skip)]
    table: String,
}

#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum Command {
    Typed(NfObject<'static>),
    Rule { add: AddRule },
}

#[derive(Clone, Debug, Serialize)]
struct AddRule {
    rule: Rule,
}

#[derive(Clone, Debug, Serialize)]
struct Rule {
    family: NfFamily,
    table: String,
    chain: &'static str,
    expr: Vec<Step>,
}

/// One statement of a rule.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Step {
    Typed(Statement<'static>),
    Raw(Value),
}

impl Batch {
    /// An empty transaction on `inet TABLE`.
    #[must_use]
    pub(super) fn new(table: &str) -> Self {
        Self { nftables: Vec::new(), table: table.to_owned() }
    }

    /// What nft reads on its standard input.
    ///
    /// # Errors
    /// None that can happen; serde's signature has one.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    fn push(&mut self, command: NfCmd<'static>) {
        self.nftables.push(Command::Typed(NfObject::CmdObject(command)));
    }

    /// Whatever stood in the table before is gone, and the table is there.
    pub(super) fn fresh_table(&mut self) {
        let table =
            || NfListObject::Table(Table { family: NfFamily::INet, name: self.table.clone().into(), handle: None });
        let commands = [NfCmd::Add(table()), NfCmd::Delete(table()), NfCmd::Add(table())];
        commands.into_iter().for_each(|c| self.push(c));
    }

    fn named(&self, name: Cow<'static, str>) -> Chain<'static> {
        Chain { family: NfFamily::INet, table: self.table.clone().into(), name, ..Chain::default() }
    }

    /// A chain that others jump to.
    pub(super) fn chain(&mut self, name: impl Into<Cow<'static, str>>) {
        let chain = self.named(name.into());
        self.push(NfCmd::Add(NfListObject::Chain(chain)));
    }

    pub(super) fn delete_chain(&mut self, name: String) {
        let chain = self.named(name.into());
        self.push(NfCmd::Delete(NfListObject::Chain(chain)));
    }

    /// A chain that the kernel enters. The policy is always accept: what is not ours is none of our business.
    pub(super) fn base_chain(&mut self, name: &'static str, kind: NfChainType, hook: NfHook, priority: i32) {
        let chain = Chain {
            _type: Some(kind),
            hook: Some(hook),
            prio: Some(priority),
            policy: Some(NfChainPolicy::Accept),
            ..self.named(name.into())
        };
        self.push(NfCmd::Add(NfListObject::Chain(chain)));
    }

    pub(super) fn set(&mut self, name: &'static str, types: &[SetType], flags: &[SetFlag]) {
        let set = Set {
            family: NfFamily::INet,
            table: self.table.clone().into(),
            name: name.into(),
            set_type: match types {
                [one] => SetTypeValue::Single(*one),
                many => SetTypeValue::Concatenated(many.to_vec().into()),
            },
            flags: Some(flags.iter().copied().collect()),
            ..Set::default()
        };
        self.push(NfCmd::Add(NfListObject::Set(Box::new(set))));
    }

    /// A map from address to address.
    pub(super) fn map(&mut self, name: &'static str, of: SetType) {
        let map = nftables::schema::Map {
            family: NfFamily::INet,
            table: self.table.clone().into(),
            name: name.into(),
            set_type: SetTypeValue::Single(of),
            map: SetTypeValue::Single(of),
            ..nftables::schema::Map::default()
        };
        self.push(NfCmd::Add(NfListObject::Map(Box::new(map))));
    }

    fn element(&self, set: &'static str, elements: Vec<Expr>) -> NfListObject<'static> {
        let table = self.table.clone().into();
        NfListObject::Element(Element { family: NfFamily::INet, table, name: set.into(), elem: elements.into() })
    }

    pub(super) fn add_elements(&mut self, set: &'static str, elements: Vec<Expr>) {
        if !elements.is_empty() {
            let element = self.element(set, elements);
            self.push(NfCmd::Add(element));
        }
    }

    pub(super) fn delete_elements(&mut self, set: &'static str, elements: Vec<Expr>) {
        if !elements.is_empty() {
            let element = self.element(set, elements);
            self.push(NfCmd::Delete(element));
        }
    }

    pub(super) fn rule<const N: usize>(&mut self, chain: &'static str, expr: [Step; N]) {
        let rule = Rule { family: NfFamily::INet, table: self.table.clone(), chain, expr: expr.into() };
        self.nftables.push(Command::Rule { add: AddRule { rule } });
    }
}

pub(super) fn text(value: impl Into<Cow<'static, str>>) -> Expr {
    Expression::String(value.into())
}

pub(super) fn number(value: impl Into<u32>) -> Expr {
    Expression::Number(value.into())
}

/// An address, or a prefix where it is shorter than the address.
pub(super) fn net(net: IpNet) -> Expr {
    if net.prefix_len() == net.max_prefix_len() {
        return text(net.addr().to_string());
    }
    let addr = Box::new(text(net.network().to_string()));
    Expression::Named(NamedExpression::Prefix(Prefix { addr, len: net.prefix_len().into() }))
}

pub(super) fn concat(parts: Vec<Expr>) -> Expr {
    Expression::Named(NamedExpression::Concat(parts))
}

/// One of several values.
pub(super) fn any(values: impl IntoIterator<Item = Expr>) -> Expr {
    let items = values.into_iter().map(nftables::expr::SetItem::Element).collect();
    Expression::Named(NamedExpression::Set(items))
}

pub(super) fn field(protocol: &'static str, field: &'static str) -> Expr {
    let field = PayloadField { protocol: protocol.into(), field: field.into() };
    Expression::Named(NamedExpression::Payload(Payload::PayloadField(field)))
}

pub(super) fn meta(key: MetaKey) -> Expr {
    Expression::Named(NamedExpression::Meta(Meta { key }))
}

fn ct(key: &'static str) -> Expr {
    Expression::Named(NamedExpression::CT(CT { key: key.into(), family: None, dir: None }))
}

fn matches(left: Expr, op: Operator, right: Expr) -> Step {
    Step::Typed(Statement::Match(Match { left, right, op }))
}

pub(super) fn is(left: Expr, right: Expr) -> Step {
    matches(left, Operator::EQ, right)
}

pub(super) fn is_not(left: Expr, right: Expr) -> Step {
    matches(left, Operator::NEQ, right)
}

/// The value is in the named set.
pub(super) fn member(left: Expr, set: &'static str) -> Step {
    is(left, text(format!("@{set}")))
}

/// Any of these conntrack states (`state`), or status bits (`status`).
pub(super) fn ct_has(key: &'static str, values: &[&'static str]) -> Step {
    let right = match values {
        [one] => text(*one),
        many => Expression::List(many.iter().map(|v| text(*v)).collect()),
    };
    matches(ct(key), Operator::IN, right)
}

pub(super) fn ct_direction(direction: &'static str) -> Step {
    is(ct("direction"), text(direction))
}

pub(super) fn tcp_syn() -> Step {
    matches(field("tcp", "flags"), Operator::IN, text("syn"))
}

pub(super) fn accept() -> Step {
    Step::Typed(Statement::Accept(Some(Accept {})))
}

pub(super) fn discard() -> Step {
    Step::Typed(Statement::Drop(Some(Drop {})))
}

pub(super) fn goto(target: &'static str) -> Step {
    Step::Typed(Statement::Goto(JumpTarget { target: target.into() }))
}

pub(super) fn reject_reset() -> Step {
    Step::Typed(Statement::Reject(Some(Reject::new(Some(RejectType::TCPReset), None))))
}

pub(super) fn reject_prohibited() -> Step {
    let code = RejectCode::AdminProhibited;
    Step::Typed(Statement::Reject(Some(Reject::new(Some(RejectType::ICMPX), Some(code)))))
}

/// What the crate would write as a bare string, which nft refuses.
pub(super) fn notrack() -> Step {
    Step::Raw(json!({ "notrack": null }))
}

/// Translates each address of one prefix into the one at the same place of another, equally long.
pub(super) fn netmap(family: &'static str, to: IpNet) -> Step {
    let prefix = json!({ "addr": to.network().to_string(), "len": to.prefix_len() });
    Step::Raw(json!({ "dnat": {
        "family": family, "addr": { "prefix": prefix }, "flags": "netmap", "type_flags": "prefix",
    } }))
}

/// Writes an address as nft reads it.
pub(super) fn address(address: IpAddr) -> Expr {
    text(address.to_string())
}
