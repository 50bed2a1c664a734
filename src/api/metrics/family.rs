//! Metrics of one name, and their text.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode as encode_registry;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

/// Names and values that tell the metrics of a family apart.
pub(super) type Labels = Vec<(&'static str, String)>;

/// What a metric says.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value {
    Whole(u64),
    Real(f64),
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Whole(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

/// Metrics of one name.
#[derive(Debug)]
pub(super) struct Family {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    metrics: Vec<(Labels, Value)>,
}

impl Family {
    /// Counts since the start. The text adds `_total` to the name.
    pub(super) fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: MetricType::Counter, metrics: Vec::new() }
    }

    /// The state of now.
    pub(super) fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: MetricType::Gauge, metrics: Vec::new() }
    }

    /// Adds a metric.
    pub(super) fn with(mut self, labels: Labels, value: impl Into<Value>) -> Self {
        self.metrics.push((labels, value.into()));
        self
    }

    /// Adds metrics that one label tells apart.
    pub(super) fn by(
        mut self,
        label: &'static str,
        rows: impl IntoIterator<Item = (String, u64)>,
    ) -> Self {
        let rows = rows.into_iter().map(|(name, value)| (vec![(label, name)], value.into()));
        self.metrics.extend(rows);
        self
    }

    fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut family = encoder.encode_descriptor(self.name, self.help, None, self.kind)?;
        for (labels, value) in &self.metrics {
            if labels.is_empty() {
                write(self.kind, *value, &mut family)?;
            } else {
                write(self.kind, *value, &mut family.encode_family(labels)?)?;
            }
        }
        Ok(())
    }
}

fn write(kind: MetricType, value: Value, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
    match (kind, value) {
        (MetricType::Counter, Value::Whole(value)) => {
            encoder.encode_counter::<NoLabelSet, _, u64>(&value, None)
        }
        (MetricType::Counter, Value::Real(value)) => {
            encoder.encode_counter::<NoLabelSet, _, u64>(&value, None)
        }
        (_, Value::Whole(value)) => encoder.encode_gauge(&value),
        (_, Value::Real(value)) => encoder.encode_gauge(&value),
    }
}

#[derive(Debug)]
struct All(Vec<Family>);

impl Collector for All {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|family| family.encode(&mut encoder))
    }
}

/// The text of all of them.
pub(super) fn encode(families: Vec<Family>) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(All(families)));
    let mut text = String::new();
    encode_registry(&mut text, &registry)?;
    Ok(text)
}
