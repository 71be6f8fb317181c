// Loading lines: a series by number, or a CSV.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "thingspace/lifecycle.hpp"

namespace carryall::simulators::thingspace {

class Fleet {
  public:
    Fleet(World& world, std::uint32_t now_seconds) : world_(world), now_seconds_(now_seconds) {}

    // An object, or lines of a CSV. A non-empty result says what is wrong.
    std::string load(std::string_view body);
    std::size_t loaded() const { return loaded_; }
    std::size_t skipped() const { return skipped_; }
    const std::vector<std::uint32_t>& suspended() const { return suspended_; }

  private:
    struct Columns {
        int iccid = -1;
        int imei = -1;
        int state = -1;
        int plan = -1;
    };

    std::string load_series(const boost::json::object& wanted);
    std::string load_csv(std::string_view text);
    std::string load_row(const std::vector<std::string_view>& cells, const Columns& columns);
    bool add(std::uint64_t iccid, std::uint64_t imei);
    void begin(std::size_t lines);
    std::uint64_t free_imei();

    World& world_;
    std::uint32_t now_seconds_;
    std::uint32_t next_created_ = 0;
    std::uint64_t next_imei_ = 0;
    std::uint16_t account_ = 0;
    std::uint16_t plan_ = kNoPlan;
    std::uint16_t group_ = 0;
    std::uint32_t fields_ = 0;
    LineState state_ = LineState::active;
    std::size_t loaded_ = 0;
    std::size_t skipped_ = 0;
    std::vector<std::uint32_t> suspended_;
};

// Puts a line into a state without asking the rules, with the number and the days that it needs.
void put_in_state(World& world, std::uint32_t row, LineState state, std::uint32_t seconds);

// The set after {"CustomField1":"…"} or the carrier's own list of key and value.
std::uint32_t fleet_fields(CustomFields& fields, std::uint32_t before,
                           const boost::json::value& wanted, std::string& wrong);

}  // namespace carryall::simulators::thingspace
