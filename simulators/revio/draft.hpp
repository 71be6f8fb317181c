// The values of a write before it is decided: read from the body and checked field by field, with
// one fault an entry, and put into the table only when there is no fault.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "revio/table.hpp"

namespace carryall::simulators::revio {

class Draft {
  public:
    explicit Draft(Table& table) : table_(table), values_(table.schema().fields.size()) {}

    // Every writable field of the body; required ones must be there.
    void read(const boost::json::object& body);
    // One field by its name (JSON Patch). Unknown or read-only: a fault.
    void set(std::string_view name, const boost::json::value& value);
    // Any field but the id, also one that only Rev.io itself writes.
    void plant(std::string_view name, const boost::json::value& value);
    // Every field of a record that only Rev.io itself writes, as far as it is there.
    void plant_read_only(const boost::json::object& record);
    void set_integer(std::string_view name, std::int64_t value);
    void set_text(std::string_view name, std::string_view value);
    void set_number(std::string_view name, double value);

    bool has(std::string_view name) const;
    std::int64_t integer(std::string_view name) const;  // kNull when absent
    std::string_view text(std::string_view name) const;
    double number(std::string_view name) const;

    void add_fault(std::string fault) { faults_.push_back(std::move(fault)); }
    bool is_sound() const { return faults_.empty(); }
    // `[{"ok":false,"message":...}, ...]`
    void append_faults(std::string& out) const;

    // Writes the touched fields. True: at least one differs from before.
    bool commit(std::uint32_t row) const;
    // Writes all writable fields, absent ones as null.
    bool replace(std::uint32_t row) const;

  private:
    struct Value {
        bool touched = false;
        std::int64_t cell = kNull;
        std::string text;
    };

    void put(std::size_t column, const boost::json::value& value);
    void convert(std::size_t column, const boost::json::value& value);
    void convert_integer(const Field& field, const boost::json::value& value, Value& target);
    void convert_number(const Field& field, const boost::json::value& value, Value& target);
    void convert_date(const Field& field, const boost::json::value& value, Value& target);
    void convert_text(const Field& field, const boost::json::value& value, Value& target);
    bool write(std::uint32_t row, std::size_t column) const;

    Table& table_;
    std::vector<Value> values_;
    std::vector<std::string> faults_;
};

void append_faults(std::string& out, const std::vector<std::string>& faults);

}  // namespace carryall::simulators::revio
