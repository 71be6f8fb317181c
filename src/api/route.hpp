// The route table: every route says who may call it, how often, with which query parameters and
// which body, and the filter chain (gate.hpp) enforces exactly that before its handler runs. What
// must stay true: a route without a permission and a rate class cannot be declared, the table and
// api/openapi.yaml name the same routes, and the isolation matrix in the tests is made from this
// table.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "http/message.hpp"
#include "http/method.hpp"
#include "tenants/tenant.hpp"

namespace carryall::api {

struct Call;

// `token`: an API token whose role holds the route's permission. `open`: no token at all (health,
// the description). `metrics`: the operator's scrape token, if one is set. `callback`: a carrier,
// known by its address and by what its message says; the handler checks both (callbacks.cpp).
// `link`: whoever has the address; the sealed {token} in it says what it opens (downloads.cpp).
enum class Access { token, open, metrics, callback, link };

// Each class has its own budget for each token (without tokens: for each source address). Callbacks
// have one of their own: thousands come at once, and from few addresses.
enum class RateClass { open, read, write, upload, callback };
std::string_view to_string(RateClass rate);

enum class Body {
    none,           // a body is refused
    json,           // application/json, in memory
    optional_json,  // the same, or nothing
    table,          // text/csv or an XLSX workbook, spooled to a file
    message,        // a carrier's: small, in memory, whatever type it says it has
};

// A failure becomes a problem document (problem.hpp).
using Handler = std::function<base::Result<http::Response>(Call&)>;

struct Route {
    http::Method method = http::Method::get;
    std::string pattern;
    Access access = Access::token;
    std::optional<tenants::Permission> permission = {};  // exactly with Access::token
    RateClass rate = RateClass::read;
    Body body = Body::none;
    std::vector<std::string> query = {};  // parameters it knows; any other is refused
    Handler handler;
};

class Routes {
  public:
    void add(Route route);
    const std::vector<Route>& all() const { return routes_; }
    // The route that answers this; HEAD is answered by GET's.
    const Route* find(http::Method method, std::string_view pattern) const;

  private:
    std::vector<Route> routes_;
};

}  // namespace carryall::api
