// One prometheus-cpp registry for the process; only its core library is linked, the HTTP side is
// ours.
#include "base/metrics.hpp"

#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace carryall::base::metrics {
namespace {

prometheus::Registry& registry() {
    static prometheus::Registry instance;
    return instance;
}

}  // namespace

prometheus::Counter& counter(const std::string& name, const std::string& help,
                             const Labels& labels) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry()).Add(labels);
}

prometheus::Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry()).Add(labels);
}

prometheus::Histogram& histogram(const std::string& name, const std::string& help,
                                 const std::vector<double>& buckets_seconds, const Labels& labels) {
    return prometheus::BuildHistogram()
        .Name(name)
        .Help(help)
        .Register(registry())
        .Add(labels, prometheus::Histogram::BucketBoundaries(buckets_seconds.begin(),
                                                             buckets_seconds.end()));
}

std::string exposition(const std::vector<Snapshot>& snapshots) {
    std::vector<prometheus::MetricFamily> families = registry().Collect();
    for (const Snapshot& snapshot : snapshots) {
        prometheus::MetricFamily family;
        family.name = snapshot.name;
        family.help = snapshot.help;
        family.type = prometheus::MetricType::Gauge;
        for (const Snapshot::Gauge& gauge : snapshot.gauges) {
            prometheus::ClientMetric metric;
            for (const auto& [name, value] : gauge.labels) metric.label.push_back({name, value});
            metric.gauge.value = gauge.value;
            family.metric.push_back(std::move(metric));
        }
        families.push_back(std::move(family));
    }
    return prometheus::TextSerializer().Serialize(families);
}

}  // namespace carryall::base::metrics
