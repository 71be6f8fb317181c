// How far the activation of one SIM has come: what its exchanges remember with the device, from
// step to step, and what reports and the seeds' messages read (the names of progress()).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "carriers/carrier.hpp"
#include "carriers/telegence/line_search.hpp"

namespace carryall::carriers::telegence {

// TelegenceNewServiceActivationStep.
enum class ActivationStep {
    activate_device = 0,
    request_ip_provision = 1,
    check_ip_provision_status = 2,
};

struct ActivationState {
    ActivationStep step = ActivationStep::activate_device;
    std::string batch_id;                       // of the activation; empty: none under way
    std::optional<base::Instant> submitted_at;  // the batch
    bool is_alone = false;                      // the SIM goes in a batch of its own
    SearchMark search;                          // for the line of a SIM whose fate is not known
    std::string former_status;                  // of the device before the batch was accepted
    std::string number;                         // the subscriber number, once it is active
    bool features_are_removed = false;
    std::string ip_address;          // reserved for it, or its own by now
    bool has_ip_address = false;     // Telegence has confirmed that it is its own
    std::string ip_batch_id;         // IPProvisioningRequestId
    std::string failed_ip_batch_id;  // the last one that ended badly
    int ip_checks = 0;

    static ActivationState from(const base::json::value& progress);
    base::json::value to_json() const;  // null if there is nothing to remember
};

// What the record takes over of a line that is active, whatever is still to come.
base::json::object active_line(const Activation& change, const Line& line,
                               const ActivationState& state);

// The line is active and has all that is asked for in this step; what comes next.
Outcome after_activation(const Activation& change, const Line& line, ActivationState& state);

// The steps' exchanges (activation_exchange.cpp, static_ip_exchange.cpp).
std::unique_ptr<Exchange> activate_device(const Account& account, const Line& line,
                                          const Activation& change, const Attempt& attempt,
                                          ActivationState state);
std::unique_ptr<Exchange> provision_address(const Account& account, const Line& line,
                                            const Activation& change, const Attempt& attempt,
                                            ActivationState state);

}  // namespace carryall::carriers::telegence
