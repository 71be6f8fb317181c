// The process's metrics, in one registry, served as text by /metrics. Ask for a child once and keep
// it: finding one by its labels costs fifty times as much as counting.
#pragma once

#include <map>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <string>
#include <vector>

namespace carryall::base::metrics {

using Labels = std::map<std::string, std::string>;

// Names follow Prometheus' rules: carryall_<what>_<unit>_total for counters.
prometheus::Counter& counter(const std::string& name, const std::string& help,
                             const Labels& labels = {});
prometheus::Gauge& gauge(const std::string& name, const std::string& help,
                         const Labels& labels = {});
prometheus::Histogram& histogram(const std::string& name, const std::string& help,
                                 const std::vector<double>& buckets_seconds,
                                 const Labels& labels = {});

// Figures that are not counted in this process but known at the moment of asking: a member whose
// value is not known is left out, one that is gone disappears.
struct Snapshot {
    struct Gauge {
        Labels labels;
        double value = 0;
    };
    std::string name;
    std::string help;
    std::vector<Gauge> gauges;
};

// The exposition text of all of them, and of `snapshots`.
std::string exposition(const std::vector<Snapshot>& snapshots = {});

}  // namespace carryall::base::metrics
