// What JSON and files share when they fill a row: telling what an identifier is, and checking it
// without the database. Then what a row and its change add up to.
#pragma once

#include <string_view>

#include "changes/parameters.hpp"
#include "changes/request.hpp"
#include "sheets/table_reader.hpp"

namespace carryall::changes {

void reset(DeviceRow& row);

// Up to 15 digits (and a +) are a subscriber number, every other text is taken for an ICCID.
IdentifierKind kind_by_form(std::string_view text);

// Fills identifier, kind, and key or problem.
void identify(DeviceRow& row, const sheets::Cell& cell, IdentifierKind kind);

// Records that a value of the row's own cannot be used, and keeps it as it was given.
void refuse_value(DeviceRow& row, const ParameterField& field, const std::string& reason,
                  std::string_view given);

// The section a device was stored with, read again.
void read_stored_own(const base::json::object& section, ChangeType type, DeviceRow& row);

// "Invalid ICCID", "Invalid subscriber number", "Invalid IMEI".
std::string_view invalid_identifier(IdentifierKind kind);
std::string_view to_string(IdentifierKind kind);

}  // namespace carryall::changes
