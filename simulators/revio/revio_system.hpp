// The Rev.io billing API: gateway (key, limits), credentials, and the resources that a reseller's
// platform uses. Like the real one it accepts duplicate services and charges in silence.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "json_text.hpp"
#include "options.hpp"
#include "query.hpp"
#include "revio/draft.hpp"
#include "revio/schema.hpp"
#include "revio/table.hpp"
#include "system.hpp"

namespace carryall::simulators::revio {

// Changeable at run time by POST /_sim/revio/knobs.
struct RevioKnobs {
    std::int64_t limit_per_minute = 500;
    std::int64_t window_seconds = 60;
    std::int64_t quota_per_day = 150'000;
    std::int64_t page_cap = 500;
    std::int64_t message_variant = 0;  // of the 429 text; 2 names no number
    bool says_retry_after = true;
    bool customer_ids_are_text = false;
    bool ids_are_text = false;         // every id of every record, and of what was created
    bool full_page_says_more = false;  // has_more on a last page that is exactly full
    bool ignores_unknown_search = false;
};

class RevioSystem : public System {
  public:
    RevioSystem(const RevioOptions& options, const Clock& clock);

    std::string_view name() const override { return "revio"; }
    std::string_view base_path() const override { return "/revio/v1"; }
    const Router& router() const override;
    void identify(const Request& request, Call& call) override;
    bool admit(const Request& request, const Call& call, Reply& reply) override;
    void perform(const Request& request, Call& call, Reply& reply) override;
    void decorate(const Request&, Reply&) override {}
    void write_error(int status, std::string_view message, Reply& reply) override;
    void write_gateway_error(int status, std::string_view message, Reply& reply) override;
    bool administer(const Request& request, std::string_view path, Reply& reply) override;
    void reset() override;
    void keep_history(bool on) override;

  private:
    struct Search {
        std::size_t page = 1;
        std::size_t page_size = 10;
        // Any of the values fits; all columns must fit.
        std::vector<std::pair<std::size_t, std::vector<std::string>>> filters;
    };

    void fail(Reply& reply, int status, std::string_view message);
    void refuse(const Draft& draft, Reply& reply);
    bool within_limits(std::int64_t now_micros, Reply& reply);
    bool within_minute(std::int64_t now_micros, Reply& reply);
    bool within_day(std::int64_t now_micros, Reply& reply);

    // revio_reads.cpp
    void list(int resource, const Request& request, const Call& call, Reply& reply);
    void show(int resource, const Call& call, Reply& reply);
    bool read_search(const Table& table, const Query& query, Search& search, Reply& reply) const;
    void find_rows(const Table& table, const Search& search, const Call& call,
                   std::vector<std::uint32_t>& rows) const;
    bool fits(const Table& table, std::span<const std::int64_t> cells, const Search& search) const;
    void append_record(std::string& out, int resource, std::span<const std::int64_t> cells) const;
    void append_members(JsonObject& object, std::string& out, int resource,
                        std::span<const std::int64_t> cells) const;

    // revio_writes.cpp
    void create(int resource, const Request& request, Call& call, Reply& reply);
    void check_charge(Draft& draft) const;
    void check_service(Draft& draft, std::int64_t today) const;
    void check_service_product(Draft& draft, std::int64_t today) const;
    void check_inventory_item(Draft& draft) const;
    void check_customer(Draft& draft) const;
    void check_reference(Draft& draft, std::string_view field, int resource) const;
    void check_service_of_customer(Draft& draft) const;
    void finish_write(Call& call, const Request& request, std::int64_t id, bool changed);

    // revio_changes.cpp
    void patch(int resource, const Request& request, Call& call, Reply& reply);
    void check_service_dates(const Draft& draft, std::uint32_t row, Draft& faults) const;
    void put_service_product(const Request& request, Call& call, Reply& reply);
    void disconnect_service_product(const Request& request, Call& call, Reply& reply);
    void close_customer(const Request& request, Call& call, Reply& reply);
    void assign_service(const Request& request, Call& call, Reply& reply);
    void unassign_customer(const Request& request, Call& call, Reply& reply);
    std::uint32_t row_of(int resource, std::string_view id, Reply& reply);

    // catalogue.cpp, revio_admin.cpp
    void add_catalogue();
    void set_knobs(const Request& request, Reply& reply);
    void load_rows(int resource, const Request& request, Reply& reply);
    void load_lines(int resource, const Request& request, Reply& reply);
    void dump_rows(int resource, const Request& request, Reply& reply);
    void administer_row(int resource, std::string_view id, const Request& request, Reply& reply);
    void alter_row(int resource, std::uint32_t row, const Request& request, Reply& reply);

    RevioOptions options_;
    RevioKnobs knobs_;
    std::string authorization_;
    const Clock& clock_;
    std::vector<Table> tables_;
    std::int64_t window_start_micros_ = 0;
    std::int64_t window_calls_ = 0;
    std::int64_t day_start_micros_ = 0;
    std::int64_t day_calls_ = 0;
};

// Endpoints are an operation and a resource.
inline constexpr int kList = 0;
inline constexpr int kShow = 100;
inline constexpr int kCreate = 200;
inline constexpr int kPatch = 300;
inline constexpr int kPut = 400;
inline constexpr int kDelete = 500;
inline constexpr int kSystemStatus = 600;
inline constexpr int kAssignService = 601;
inline constexpr int kUnassignCustomer = 602;
inline constexpr int kServiceInventory = 603;

}  // namespace carryall::simulators::revio
