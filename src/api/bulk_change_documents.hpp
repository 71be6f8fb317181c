// Bulk changes as JSON documents, with the seeds' names. One place, so that a list, a detail, an
// event and a submission never disagree about a name.
#pragma once

#include <vector>

#include "base/json.hpp"
#include "changes/activation_report.hpp"
#include "changes/plan.hpp"
#include "changes/report.hpp"
#include "changes/submit.hpp"

namespace carryall::api {

base::json::object to_json(const changes::StateCounts& counts);
// {"firstDueAt", "lastDueAt", "timeZone", "firstDueAtLocal", "lastDueAtLocal"}; null: no dates.
base::json::value to_json(const std::optional<changes::ScheduleDates>& dates);
base::json::object to_json(const changes::ChangeSummary& summary);
base::json::object to_json(const changes::ChangeDetail& detail);
base::json::object to_json(const changes::StepCounts& steps);
base::json::object to_json(const changes::DeviceChange& device);
base::json::object to_json(const changes::LoggedStep& entry);
base::json::object to_json(const changes::Progress& progress);
base::json::object to_json(const changes::SubmitResult& result);
base::json::object to_json(const changes::RetryResult& result);
base::json::object to_json(const changes::PlanDetail& plan);
base::json::object to_json(const changes::PlannedDevice& device);
base::json::array to_json(const std::vector<changes::ReasonCount>& reasons);
base::json::array to_json(const std::vector<changes::RefusedDevice>& devices);

}  // namespace carryall::api
