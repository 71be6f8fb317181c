// AT&T's Telegence by its APEX mobility API: routes, credentials, limits, error shapes, and the
// calls. What AT&T does not publish is our own proposal and sits behind knobs.
#pragma once

#include <cstdint>
#include <optional>
#include <queue>
#include <string>
#include <string_view>
#include <vector>

#include "json_text.hpp"
#include "options.hpp"
#include "system.hpp"
#include "telegence/activations.hpp"
#include "telegence/guids.hpp"
#include "telegence/ip_pools.hpp"
#include "telegence/knobs.hpp"
#include "telegence/telegence_state.hpp"

namespace carryall::simulators::telegence {

enum Endpoint : int {
    kActivation,
    kActivationStatus,
    kLineDetails,
    kLineChange,
    kBanDetails,
    kSubscriberList,
    kUsage,
    kIpAddresses,
    kIpProvisioning,
    kIpStatus
};

class TelegenceSystem : public System {
  public:
    TelegenceSystem(const TelegenceOptions& options, std::uint64_t seed, const Clock& clock);

    std::string_view name() const override { return "telegence"; }
    std::string_view base_path() const override { return "/telegence"; }
    const Router& router() const override;
    void identify(const Request& request, Call& call) override;
    bool admit(const Request& request, const Call& call, Reply& reply) override;
    void perform(const Request& request, Call& call, Reply& reply) override;
    void holds_answer_until(std::int64_t micros) override;
    void decorate(const Request& request, Reply& reply) override;
    void write_error(int status, std::string_view message, Reply& reply) override;
    bool administer(const Request& request, std::string_view path, Reply& reply) override;
    void reset() override;
    void keep_history(bool on) override { state_.keep_history(on); }
    void let_time_pass(std::int64_t now_micros, std::vector<Happening>& happened) override;

  private:
    enum class EventKind : std::uint8_t { change, batch_reserved, batch_active, ip_complete };
    struct Event {
        std::int64_t due_micros;
        std::uint64_t order;  // of equal times the earlier asked comes first
        EventKind kind;
        std::uint32_t row;
        bool operator>(const Event& other) const {
            return due_micros != other.due_micros ? due_micros > other.due_micros
                                                  : order > other.order;
        }
    };
    struct ServiceCheck {
        Service service;
        std::string wrong;     // the whole batch is refused
        std::string_view why;  // this entry will be rejected
    };

    void fail(Reply& reply, int status, std::string_view message);
    bool find_account(const Request& request);
    bool within_rate(std::int64_t now_micros);
    bool within_flight(std::int64_t now_micros);
    std::uint32_t line_of(const Call& call, Reply& reply);
    std::string_view word_of(ServiceStatus status) const;

    // telegence_clock.cpp
    void schedule(std::int64_t due_micros, EventKind kind, std::uint32_t row);
    void run_event(const Event& event, std::vector<Happening>& happened);
    void run_change(const Event& event, Happening& happening);
    void run_activation(const Event& event, std::vector<Happening>& happened);
    void run_ip_batch(const Event& event, std::vector<Happening>& happened);

    // telegence_line_calls.cpp
    void show_line(const Call& call, Reply& reply);
    void change_line(const Request& request, Call& call, Reply& reply);
    bool read_change(const boost::json::object& body, Day today);
    bool read_characteristics(const boost::json::value& list);
    bool read_characteristic(std::string_view name, std::string_view value);
    std::string_view conflict_of(const LineChange& change) const;
    void carry_out(const LineChange& change, std::int64_t now_micros);
    void answer_change(Reply& reply);
    void show_ban(const Call& call, Reply& reply);
    void list_subscribers(const Request& request, const Call& call, Reply& reply);
    void show_usage(const Call& call, Reply& reply);

    // telegence_line_json.cpp
    void append_details(std::string& out, const LineRow& row, std::int64_t now_micros) const;
    void append_change(std::string& out, const LineChange& change, bool scheduled) const;
    void append_truth(std::string& out, std::uint32_t line) const;
    std::string_view code_of_plan(std::uint16_t plan) const;

    // telegence_activation_calls.cpp
    void submit_batch(const Request& request, Call& call, Reply& reply);
    void check_service(const boost::json::value& entry, ServiceCheck& check);
    bool read_service(const boost::json::object& service, ServiceCheck& check);
    bool read_service_name(std::string_view name, std::string_view value, FeatureList& features,
                           ServiceCheck& check);
    bool refuse_code(std::string_view what, std::string_view code, ServiceCheck& check);
    void show_batch(const Call& call, Reply& reply);
    void append_batch(std::string& out, std::uint32_t batch, std::int64_t seen_micros) const;
    void append_service(std::string& out, std::uint32_t batch, const Service& service,
                        ServiceStatus status) const;

    // telegence_ip_calls.cpp
    void reserve_addresses(const Request& request, Call& call, Reply& reply);
    void submit_ip_batch(const Request& request, Call& call, Reply& reply);
    std::string read_ip_entry(const boost::json::value& item, std::string_view pdp,
                              std::uint16_t ban, std::int64_t now_micros, IpEntry& entry) const;
    void show_ip_status(const Request& request, const Call& call, Reply& reply);
    void append_ip_entry(std::string& out, std::uint32_t batch, const IpEntry& entry,
                         std::int64_t now_micros) const;

    // telegence_admin.cpp and telegence_fleet.cpp
    void load_fleet(const Request& request, Reply& reply);
    void set_knobs(const Request& request, Reply& reply);
    void add_catalogue(const Request& request, Reply& reply);
    void show_catalogue(Reply& reply) const;
    void add_accounts(const Request& request, Reply& reply);
    std::uint32_t find_line(std::string_view text) const;
    void drift_line(std::uint32_t line, const Request& request, Reply& reply);
    std::string read_drift(const boost::json::object& body, std::uint32_t line);
    void add_account(std::string_view app_id, std::string_view secret);

    TelegenceOptions options_;
    Knobs knobs_;
    const Clock& clock_;
    TelegenceState state_;
    Activations activations_;
    IpPools ip_pools_;
    Guids batch_ids_;
    Guids ip_batch_ids_;
    Guids error_ids_;
    std::uint32_t errors_ = 0;
    std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
    std::uint64_t events_made_ = 0;
    std::vector<LineChange> scheduled_;
    std::vector<std::uint32_t> free_scheduled_;
    // Of the call under work; reused, so that a plain change allocates nothing.
    int endpoint_ = -1;
    std::uint16_t account_ = 0;
    LineChange change_;
    std::string wrong_;
    std::vector<std::uint32_t> page_;
};

}  // namespace carryall::simulators::telegence
