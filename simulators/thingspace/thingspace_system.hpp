// Verizon ThingSpace's connectivity management API ("M2M" v1, with one call of v2): routes, the two
// layers of credentials, limits, and the calls. Changes only get a request id here; the engine does
// them later.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "clock.hpp"
#include "options.hpp"
#include "system.hpp"
#include "thingspace/courier.hpp"
#include "thingspace/credentials.hpp"
#include "thingspace/engine.hpp"
#include "thingspace/knobs.hpp"

namespace carryall::simulators::thingspace {

// What a list or a change without `devices` chooses lines by.
struct LineFilter {
    struct IdRule {
        Kind kind = Kind::iccid;
        std::string_view contains;
        std::string_view starts;
        std::string_view ends;
    };
    std::uint16_t account = 0;
    std::optional<LineState> state;
    std::optional<std::uint16_t> plan;  // kNone: a plan that does not exist
    std::optional<std::uint16_t> group;
    std::vector<std::pair<std::size_t, std::uint32_t>> fields;
    std::vector<IdRule> ids;
    std::int64_t earliest = 0;
    std::int64_t latest = INT64_MAX;

    bool fits(const Line& line, const CustomFields& known) const;
};

class ThingspaceSystem : public System {
  public:
    ThingspaceSystem(const ThingspaceOptions& options, std::uint64_t seed, const Clock& clock);
    ~ThingspaceSystem() override;

    std::string_view name() const override { return "thingspace"; }
    std::string_view base_path() const override { return "/thingspace"; }
    const Router& router() const override;
    void identify(const Request& request, Call& call) override;
    bool admit(const Request& request, const Call& call, Reply& reply) override;
    void perform(const Request& request, Call& call, Reply& reply) override;
    void decorate(const Request&, Reply&) override {}
    void write_error(int status, std::string_view message, Reply& reply) override;
    void write_gateway_error(int status, std::string_view message, Reply& reply) override;
    bool administer(const Request& request, std::string_view path, Reply& reply) override;
    void reset() override;
    void keep_history(bool on) override { world_.lines.keep_history(on); }
    void start(Ledger& ledger, std::mutex& mutex) override;
    void stop() override { courier_.reset(); }
    void let_time_pass(std::int64_t now_micros, std::vector<Happening>&) override;

  private:
    // `code` without the service prefix.
    void fail(Reply& reply, int status, std::string_view code, std::string_view message);
    void fail_gateway(Reply& reply, int status, std::string_view code, std::string_view message,
                      std::string_view description);
    bool has_bearer(const Request& request, const Call& call, Reply& reply);
    bool has_session(const Request& request, const Call& call, Reply& reply);
    bool is_within_limits(const Call& call, Reply& reply);
    bool may_use(std::uint16_t account) const;
    // The account that a path or a body names; kNone: refused.
    std::uint16_t account_of(std::optional<std::string_view> name, Reply& reply);

    // session_calls.cpp
    void issue_token(const Request& request, Call& call, Reply& reply);
    void log_in(Call& call, Reply& reply);
    void log_out(const Request& request, Reply& reply);

    // change_calls.cpp
    void change(const Request& request, Call& call, Reply& reply);
    bool has_good_body(const Request& request, Reply& reply);
    bool read_order(int endpoint, Order& order, Reply& reply);
    bool read_plan(std::string_view member, Order& order, Reply& reply);
    bool read_activation(Order& order, Reply& reply);
    bool read_custom_fields(std::string_view member, std::uint32_t& change, Reply& reply);
    bool read_devices(std::string_view member, std::int64_t most, Reply& reply);
    bool refuse_ids(IdProblem problem, Reply& reply);
    std::uint16_t account_of_order(int endpoint, Reply& reply);
    bool choose_lines(const Order& order, Reply& reply);
    void accept(const Order& order, Call& call, Reply& reply);
    bool read_identifier_change(Order& order, Reply& reply);
    void change_identifier(Call& call, Reply& reply);
    void add_devices(Call& call, Reply& reply);
    void delete_devices(Call& call, Reply& reply);
    void append_delete_result(std::string& out, std::uint32_t row, DeviceFault fault,
                              const GivenIds& ids);

    // list_calls.cpp
    void list_devices(const Call& call, Reply& reply);
    void show_device(const boost::json::value& id, const Call& call, Reply& reply);
    bool read_filter(const boost::json::object& body, LineFilter& filter, Reply& reply);
    bool read_id_rules(const boost::json::object& body, LineFilter& filter, Reply& reply);
    bool read_dates(const boost::json::object& body, LineFilter& filter, Reply& reply);
    bool read_field_filter(const boost::json::object& body, LineFilter& filter, Reply& reply);
    void list_history(Reply& reply);
    std::uint32_t find_listed(const boost::json::value& id, Reply& reply);

    // device_json.cpp
    void append_device(std::string& out, std::uint32_t row, const Line& line, bool in_full) const;
    void append_device_ids(std::string& out, std::uint32_t row, const Line& line,
                           bool in_full) const;
    void append_custom_fields(std::string& out, const Line& line) const;
    void append_attributes(std::string& out, std::uint32_t row, const Line& line,
                           bool in_full) const;
    void append_event(std::string& out, const LineEvent& event) const;
    std::string_view state_word(LineState state) const;

    // account_calls.cpp
    void list_plans(const Call& call, Reply& reply);
    void show_account(const Call& call, Reply& reply);
    void list_callbacks(const Call& call, Reply& reply);
    void register_callback(Call& call, Reply& reply);
    void remove_callback(Call& call, Reply& reply);
    void show_request(Call& call, Reply& reply, bool with_devices);
    void append_subrequests(std::string& out, const Job& job) const;

    // thingspace_admin.cpp
    void load_fleet(const Request& request, Reply& reply);
    void show_line(std::string_view iccid, Reply& reply);
    void change_line(std::string_view iccid, const Request& request, Reply& reply);
    bool set_line(std::uint32_t row, const boost::json::object& wanted, std::string& wrong);
    void add_accounts(const Request& request, Reply& reply);
    void add_plans(const Request& request, Reply& reply);
    void add_credentials(const Request& request, Reply& reply);
    void expire(const Request& request, Reply& reply);

    ThingspaceOptions options_;
    std::uint64_t seed_;
    const Clock& clock_;
    Knobs knobs_;
    World world_;
    Credentials credentials_;
    Engine engine_;
    std::unique_ptr<Courier> courier_;
    CallWindow all_calls_;

    // Of the call under work: the parsed body, who calls, and the devices that were read.
    const boost::json::object* body_ = nullptr;
    std::size_t user_ = 0;
    std::vector<GivenIds> given_;
    std::vector<std::uint32_t> chosen_;
};

enum Endpoint : int {
    kUnknown,
    kToken,
    kLogin,
    kLogout,
    kActivate,
    kDeactivate,
    kSuspend,
    kRestore,
    kPlan,
    kCustomFieldsSet,
    kSuspensionStatus,
    kDeviceId,
    kAdd,
    kDelete,
    kList,
    kHistory,
    kPlans,
    kAccount,
    kCallbacksGet,
    kCallbacksPost,
    kCallbacksDelete,
    kRequestStatus,
    kRequestStatusV2
};

}  // namespace carryall::simulators::thingspace
