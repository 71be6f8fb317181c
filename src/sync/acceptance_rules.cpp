#include "sync/acceptance_rules.hpp"

#include "devices/identifiers.hpp"

namespace carryall::sync {
namespace {

// As imports do: devices of Telegence accounts are phone lines.
std::string portal_of(const std::string& integration) {
    return integration == carriers::to_string(carriers::Integration::telegence) ? "mobility"
                                                                                : "m2m";
}

template <class Identifier>
base::Result<std::optional<std::string>> parsed(const std::optional<std::string>& text) {
    if (!text || text->empty()) return std::optional<std::string>();
    const auto identifier = Identifier::parse(*text);
    if (!identifier) return identifier.error();
    return std::optional(identifier->text());
}

NotAcceptable wrong(const char* name, const base::Error& error) {
    return {std::string("the carrier's ") + name + ": " + error.message};
}

Acceptance new_device(const DecidedDrift& drift) {
    if (drift.owner) {
        return NotAcceptable{"this ICCID is a device of the service provider \"" + *drift.owner +
                             "\", and a device moves to no other"};
    }
    if (!drift.iccid) {
        return NotAcceptable{"the carrier tells no ICCID of this line; add the device with a file"};
    }
    if (!drift.status) {
        return NotAcceptable{
            "the carrier tells no status of this line; add the device with a file"};
    }
    const auto iccid = devices::Iccid::parse(*drift.iccid);
    if (!iccid) return wrong("ICCID", iccid.error());
    const auto msisdn = parsed<devices::Msisdn>(drift.msisdn);
    if (!msisdn) return wrong("MSISDN", msisdn.error());
    const auto imei = parsed<devices::Imei>(drift.imei);
    if (!imei) return wrong("IMEI", imei.error());
    return NewDevice{drift.drift_id, drift.line_id,   portal_of(drift.integration),
                     iccid->text(),  *msisdn,         *imei,
                     *drift.status,  drift.rate_plan, drift.communication_plan};
}

Acceptance presence(const DecidedDrift& drift) {
    if (drift.device_id == 0) return new_device(drift);
    // The line is in use though its device was put away, or there is no line any more.
    return DeviceEdit{drift.drift_id, drift.device_id, "archived", drift.is_archived ? "f" : "t"};
}

}  // namespace

std::string undecidable(const DecidedDrift& drift) {
    if (drift.state == "settled") return "it has settled by itself";
    if (drift.state == "accepted") return "it was accepted already";
    return {};
}

Acceptance accept(const DecidedDrift& drift) {
    if (drift.is_moving) {
        return NotAcceptable{
            "a bulk change of this device that may change it is under way; decide when it has "
            "ended"};
    }
    if (drift.field == DriftField::presence) return presence(drift);
    if (drift.device_id == 0 || !drift.theirs) {
        return NotAcceptable{"the carrier tells no value that our record could take"};
    }
    std::string value = *drift.theirs;
    if (value.empty()) {
        if (drift.field == DriftField::status) return NotAcceptable{"the carrier tells no status"};
    } else if (drift.field == DriftField::msisdn) {
        const auto msisdn = devices::Msisdn::parse(value);
        if (!msisdn) return wrong("MSISDN", msisdn.error());
        value = msisdn->text();
    } else if (drift.field == DriftField::imei) {
        const auto imei = devices::Imei::parse(value);
        if (!imei) return wrong("IMEI", imei.error());
        value = imei->text();
    }
    return DeviceEdit{drift.drift_id, drift.device_id, std::string(to_string(drift.field)),
                      std::move(value)};
}

}  // namespace carryall::sync
