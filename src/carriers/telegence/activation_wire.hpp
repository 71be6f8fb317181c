// The wire format of activations (T1, T2) and of static addresses (T8 to T10). What is sent is
// written in lower camel case; what comes is read without regard to case.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "carriers/carrier.hpp"
#include "carriers/telegence/wire.hpp"

namespace carryall::carriers::telegence {

// Lines that one request for addresses, or for their assignment, is for.
inline constexpr int kLinesPerAddressRequest = 10;

// Two spellings of one SIM: with and without the check digit. Of one length they are compared
// whole.
bool is_same_sim(std::string_view one, std::string_view other);

bool is_sim(std::string_view iccid);
// Why it cannot be asked for, whatever the SIM; empty: it can.
std::string activation_problem(std::string_view imei, const Activation& change);

// One element of the array that T1 takes. Codes to be removed are not in it: Telegence takes them
// only once the line is active.
std::string activation_item(const Line& line, const Activation& change);

struct ActivationEntry {
    std::string batch_id;
    std::string sim;
    std::string status;  // lower case: pending, reserved, active, rejected; or empty
    std::string number;  // 10 digits, or empty
    std::string error;
    bool needs_esim = false;  // service.name is "/service/"
};
// The entries of an answer to T1 or T2; nullopt: it is no list of activations.
std::optional<std::vector<ActivationEntry>> parse_activations(const base::json::value& body);

// The addresses of an answer to T8; nullopt: it is none.
std::optional<std::vector<std::string>> parse_addresses(const base::json::value& body);
// The element of T9's subscriber list.
std::string provisioning_item(const std::string& number, const std::string& address,
                              const StaticAddress& wanted, const std::string& day);
// T9 has no field for its batch id: it is the last word of the message. Empty: there is none.
std::string provisioning_batch_id(const base::json::value& body);
std::string message_of(const base::json::value& body);

struct AddressEntry {
    enum class State { pending, complete, failed };
    std::string batch_id;  // empty: not in the batch
    State state = State::pending;
    std::string ip_address;
    std::string message;
    std::string stages;  // "Success, Reserved, In Progress"
};
// What an answer to T10 says about a line; nullopt: nothing.
std::optional<AddressEntry> find_address(const base::json::value& body, std::string_view number);

}  // namespace carryall::carriers::telegence
