// For those who run the platform: is the process alive, may traffic come, the metrics, and the
// description of this API. /healthz asks nothing of anybody, so that a database that is down never
// gets healthy processes killed.
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>

#include "api/api.hpp"
#include "api/description.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "db/migrate.hpp"

namespace carryall::api {
namespace {

namespace json = base::json;
using base::Result;
using http::Method;
using http::Response;

// Anybody may ask as often as the limit for a source allows; the database is asked once a second.
class Readiness {
  public:
    static constexpr std::chrono::seconds kKeep{1};

    Result<void> check(Services& services) {
        const std::lock_guard lock(mutex_);
        const auto now = services.clock.steady_now();
        if (!result_ || now - at_ >= kKeep) {
            result_ = db::check_schema_is_current(services.database);
            at_ = now;
            if (!*result_) {
                base::log::warning("not_ready", {{"reason", result_->error().message}});
            }
        }
        return *result_;
    }

  private:
    std::mutex mutex_;
    std::optional<Result<void>> result_;
    std::chrono::steady_clock::time_point at_;
};

Result<Response> health(Call&) {
    return json_response(json::object{{"status", "ok"}});
}

Result<Response> metrics(Call&) {
    return Response::text(200, base::metrics::exposition(),
                          "text/plain; version=0.0.4; charset=utf-8");
}

Result<Response> description(Call&) {
    Response response =
        Response::text(200, std::string(openapi_yaml()), "application/yaml; charset=utf-8");
    response.headers.set("Cache-Control", "public, max-age=300");
    return response;
}

}  // namespace

void add_operation_routes(Routes& routes) {
    auto readiness = std::make_shared<Readiness>();
    const auto add = [&routes](const char* pattern, Access access, Handler handler) {
        routes.add({.method = Method::get,
                    .pattern = pattern,
                    .access = access,
                    .rate = RateClass::open,
                    .handler = std::move(handler)});
    };
    add("/healthz", Access::open, health);
    add("/readyz", Access::open, [readiness](Call& call) -> Result<Response> {
        CARRYALL_TRY(readiness->check(call.services));
        return json_response(json::object{{"status", "ready"}});
    });
    add("/metrics", Access::metrics, metrics);
    add("/v1/openapi.yaml", Access::open, description);
}

}  // namespace carryall::api
