// Cisco Jasper's device API (IoT Control Center, REST v1): routes, credentials, limits, and the
// calls. What the vendor does not publish is our own proposal and sits behind knobs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "jasper/api_users.hpp"
#include "jasper/jasper_state.hpp"
#include "options.hpp"
#include "query.hpp"
#include "system.hpp"

namespace carryall::simulators::jasper {

enum class Sometimes : std::uint8_t { never, scheduled, always };

// Changeable at run time by POST /_sim/jasper/knobs.
struct JasperKnobs {
    std::int64_t calls_per_second = 5;  // a user, 0: no limit
    std::int64_t calls_in_flight = 1;   // a user, 0: no limit
    std::int64_t window_millis = 1000;
    int throttle_status = 429;
    std::string throttle_code = "40000029";  // empty: no errorCode
    std::string throttle_message = "Rate Limit Exceeded";
    std::int64_t throttle_retry_after = 0;  // seconds, 0: no such header
    bool errors_in_latin1 = true;
    Sometimes answers_202 = Sometimes::never;
    std::int64_t accepted_delay_millis = 0;  // an edit that is answered with 202 waits that long
    bool effective_date_covers_all = false;  // else plans only
    std::int64_t page_cap = 50;
    bool cuts_large_pages = false;  // else refuses them
    std::string after_test = "ACTIVATION_READY";
    std::int64_t test_bytes = 20'480;
    std::int64_t test_sms = 2;
    std::int64_t test_voice_seconds = 120;
    std::vector<std::string> allowed_addresses;  // empty: all
    bool eid_is_euiccid = false;
};

enum Endpoint : int {
    kEditDevice = 1,
    kGetDevice,
    kCtdUsages,
    kSessionInfo,
    kAuditTrails,
    kSearchDevices,
    kListRatePlans,
    kEcho,
};

class JasperSystem : public System {
  public:
    JasperSystem(const JasperOptions& options, const Clock& clock);

    std::string_view name() const override { return "jasper"; }
    std::string_view base_path() const override { return "/jasper"; }
    const Router& router() const override;
    void identify(const Request& request, Call& call) override;
    bool admit(const Request& request, const Call& call, Reply& reply) override;
    void holds_answer_until(std::int64_t micros) override;
    void perform(const Request& request, Call& call, Reply& reply) override;
    void decorate(const Request& request, Reply& reply) override;
    void write_error(int status, std::string_view message, Reply& reply) override;
    void write_gateway_error(int status, std::string_view message, Reply& reply) override;
    void let_time_pass(std::int64_t now_micros, std::vector<Happening>& happened) override;
    bool administer(const Request& request, std::string_view path, Reply& reply) override;
    void reset() override;
    void keep_history(bool on) override { state_.keep_history(on); }

  private:
    struct Edit {
        std::array<std::pair<Field, std::uint32_t>, kFieldCount> changes;
        std::size_t count = 0;
        std::int64_t due_micros = 0;  // 0: now
    };
    struct Page {
        std::size_t number = 1;
        std::size_t size = 50;
        std::size_t first() const { return (number - 1) * size; }
    };
    struct Traffic {
        std::int64_t bytes = 0;
        std::int64_t sms = 0;
        std::int64_t voice_seconds = 0;
        bool opens_session = false;
        bool closes_session = false;
    };

    void begin();
    void add_first_user();
    bool is_allowed_address(const Request& request, const ApiUser& user) const;
    std::int64_t limit_in_flight(const ApiUser& user) const;
    bool within_limits(ApiUser& user, std::int64_t now_micros);
    void refuse(Reply& reply, std::uint32_t code, std::string_view detail = {});
    void write_body(std::string_view message, std::string_view code, Reply& reply) const;
    void throttle(Reply& reply) const;
    const Account& account() const { return state_.accounts[account_]; }
    bool accepts_parameters(const Query& query, std::span<const std::string_view> names,
                            Reply& reply);
    bool read_page(const Query& query, Page& page, Reply& reply);

    // jasper_device_calls.cpp
    void perform_device(const Request& request, Call& call, Reply& reply);
    void show_device(const Query& query, std::uint32_t device, const Call& call, Reply& reply);
    void show_usage(const Query& query, std::uint32_t device, const Call& call, Reply& reply);
    void show_session(const Query& query, std::uint32_t device, const Call& call, Reply& reply);
    void show_audit(const Query& query, std::uint32_t device, const Call& call, Reply& reply);

    // jasper_edit.cpp
    void edit_device(const Request& request, std::uint32_t device, Call& call, Reply& reply);
    bool read_edit(const boost::json::object& body, std::uint32_t device, const Call& call,
                   Edit& edit, Reply& reply);
    std::uint32_t refusal_of(Field field, std::string_view value, std::uint32_t device);
    std::uint32_t right_refusal(Right right) const;
    std::uint32_t plan_refusal(Field field, std::string_view value) const;
    bool carry_out(const Edit& edit, std::uint32_t device, const Call& call, bool& changed);

    // jasper_search.cpp
    void search_devices(const Request& request, const Call& call, Reply& reply);
    void append_search_row(std::string& out, std::uint32_t device, const DeviceRow& row,
                           const Values& values, std::string_view fields) const;
    void list_rate_plans(const Request& request, const Call& call, Reply& reply);
    bool is_own_account(const Query& query, Reply& reply);

    // jasper_json.cpp
    Values values_at(std::uint32_t device, const Call& call, DeviceRow& row) const;
    void append_value(std::string& out, std::uint32_t device, Field field,
                      const Values& values) const;
    void append_details(std::string& out, std::uint32_t device, const DeviceRow& row,
                        const Values& values, std::string_view fields) const;
    void append_usage(std::string& out, std::uint32_t device, const Values& values,
                      std::int64_t now_micros, std::string_view fields) const;
    void append_session(std::string& out, std::uint32_t device, const Values& values,
                        std::int64_t now_micros, std::string_view fields) const;
    void append_audit(std::string& out, const AuditRow& row) const;

    // jasper_admin.cpp
    bool administer_device(const Request& request, std::string_view path, Reply& reply);
    void show_truth(std::uint32_t device, Reply& reply) const;
    void change_device(const Request& request, std::uint32_t device, Reply& reply);
    void cause_traffic(const Request& request, std::uint32_t device, Reply& reply);
    void apply_traffic(std::uint32_t device, const Traffic& traffic, std::int64_t now_micros);
    void load_accounts(const Request& request, Reply& reply);
    void load_users(const Request& request, Reply& reply);
    void list_users(Reply& reply);
    void load_transitions(const Request& request, Reply& reply);
    void show_transitions(const Request& request, Reply& reply);

    // jasper_fleet.cpp
    void load_fleet(const Request& request, Reply& reply);
    bool load_row(const DeviceRow& row, const Values& values, std::int64_t now_micros);
    void load_csv(std::string_view text, const DeviceRow& row, const Values& values, Reply& reply);
    bool read_fleet_value(Field field, std::string_view text, DeviceRow& row, Values& values);

    // jasper_knobs.cpp
    void set_knobs(const Request& request, Reply& reply);

    JasperOptions options_;
    JasperKnobs knobs_;
    const Clock& clock_;
    JasperState state_;
    ApiUsers users_;
    ApiUser* user_ = nullptr;  // of the call under work
    std::uint32_t account_ = 0;
};

// Members of an answer that `fields=a,b,c` asks for; no such parameter asks for all.
bool is_wanted(std::string_view fields, std::string_view name);

}  // namespace carryall::simulators::jasper
