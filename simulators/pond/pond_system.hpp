// POND IoT's device API ("distributorPPUService" v1): routes, credentials, limits, and the calls.
// The rules that POND does not publish are our own proposals and sit behind knobs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "options.hpp"
#include "pond/pond_state.hpp"
#include "query.hpp"
#include "system.hpp"

namespace carryall::simulators::pond {

// Changeable at run time by POST /_sim/pond/knobs.
struct PondKnobs {
    bool epoch_in_milliseconds = false;
    std::int64_t page_cap = 500;
    std::int64_t requests_per_second = 20;
    bool says_retry_after = true;
};

class PondSystem : public System {
  public:
    PondSystem(const PondOptions& options, std::uint64_t seed, const Clock& clock);

    std::string_view name() const override { return "pond"; }
    std::string_view base_path() const override { return "/pond/ds/u/distributorPPUService/v1"; }
    const Router& router() const override;
    void identify(const Request& request, Call& call) override;
    bool admit(const Request& request, const Call& call, Reply& reply) override;
    void perform(const Request& request, Call& call, Reply& reply) override;
    void decorate(const Request& request, Reply& reply) override;
    void write_error(int status, std::string_view message, Reply& reply) override;
    bool administer(const Request& request, std::string_view path, Reply& reply) override;
    void reset() override;
    void keep_history(bool on) override { state_.keep_history(on); }

  private:
    struct Page {
        std::size_t offset = 0;
        std::size_t count = 0;
        std::size_t total = 0;
        std::size_t end() const { return offset + count < total ? offset + count : total; }
    };

    void fail(Reply& reply, int status, std::string_view message);
    bool within_rate(std::int64_t now_micros);
    std::uint32_t now_seconds(const Call& call) const;

    // pond_sim_calls.cpp
    void perform_sim(const Request& request, Call& call, Reply& reply);
    void set_status(const Request& request, std::uint32_t sim, Call& call, Reply& reply);
    void set_parent(const Request& request, std::uint32_t sim, Call& call, Reply& reply);
    void add_package(const Request& request, std::uint32_t sim, Call& call, Reply& reply);
    void purge(std::uint32_t sim, Call& call, Reply& reply);
    void set_throttle(const Request& request, std::uint32_t sim, Call& call, Reply& reply);
    void send_sms(const Request& request, std::uint32_t sim, Call& call, Reply& reply);
    void list_packages(const Request& request, std::uint32_t sim, const Call& call, Reply& reply);
    void show_package(Call& call, Reply& reply);
    void set_package_status(const Request& request, Call& call, Reply& reply);

    // pond_list_calls.cpp
    void perform_inventory(const Request& request, Call& call, Reply& reply);
    void perform_group(const Request& request, Call& call, Reply& reply);
    void perform_package_type(const Request& request, Call& call, Reply& reply);
    void create_package_type(const Request& request, Call& call, Reply& reply);
    void change_inventory_sims(const Request& request, Call& call, Reply& reply);
    void perform_other(const Request& request, Call& call, Reply& reply);
    void search_sims(const Query& query, const Call& call, Reply& reply);
    void search_catalogue(const Query& query, Call& call, Reply& reply);
    bool read_page(const Query& query, std::string_view from, std::string_view size, Page& page,
                   Reply& reply);
    void open_list(const Page& page, std::string& out) const;

    // pond_json.cpp
    void append_epoch(std::string& out, std::uint32_t seconds) const;
    void append_sim(std::string& out, std::uint32_t sim, const SimRow& row) const;
    void append_sim_status(std::string& out, const SimRow& row) const;
    void append_search_row(std::string& out, std::uint32_t sim, const SimRow& row) const;
    void append_package(std::string& out, std::uint32_t package, const PackageRow& row) const;
    void append_package_type(std::string& out, const PackageType& type) const;
    void append_group(std::string& out, const Group& group) const;
    void append_inventory(std::string& out, const Inventory& inventory) const;

    // pond_admin.cpp
    void load_fleet(const Request& request, Reply& reply);
    void set_knobs(const Request& request, Reply& reply);
    void add_package_types(const Request& request, Reply& reply);
    void show_state(std::string_view iccid, Reply& reply);
    void simulate_usage(std::string_view iccid, const Request& request, Reply& reply);

    PondOptions options_;
    PondKnobs knobs_;
    std::string authorization_;
    std::string distributor_;
    const Clock& clock_;
    PondState state_;
    double tokens_ = 0;
    std::int64_t tokens_at_micros_ = 0;
};

// The number of a 19-digit ICCID.
std::optional<std::uint64_t> iccid_of(std::string_view text);

enum Endpoint : int {
    kSimGet,
    kSimInfo,
    kSimStatusGet,
    kSimStatusSet,
    kSimSetParent,
    kSimAddPackage,
    kSimPackages,
    kSimPurge,
    kSimThrottleGet,
    kSimThrottleSet,
    kSimSendSms,
    kSimRefresh,
    kPackageInfo,
    kPackageStatus,
    kInventoryList,
    kInventoryGet,
    kInventoryStatus,
    kInventoryBalance,
    kInventoryCurrency,
    kInventoryGroups,
    kInventoryCreateGroup,
    kInventoryTypes,
    kInventoryCreateType,
    kInventoryAddSims,
    kInventoryRemoveSims,
    kTypeGet,
    kTypeStatus,
    kGroupGet,
    kGroupSims,
    kGroupSubGroup,
    kGroupSetParent,
    kGroupDelete,
    kSearchSim,
    kSearchPackage,
    kSearchType,
    kSearchInventory,
    kSearchGroup,
    kSearchEmpty,
    kSimHistory,
    kAuthorization,
    kOpenSessions,
    kCountries
};

}  // namespace carryall::simulators::pond
