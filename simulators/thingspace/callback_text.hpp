// The bodies of callbacks, in the shapes that the knobs ask for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "thingspace/engine.hpp"

namespace carryall::simulators::thingspace {

struct CallbackContext {
    const World& world;
    const Knobs& knobs;
    const Registration& registration;
    const Delivery& delivery;
    const Job* job;  // null: nobody asked
    std::string_view request_id;
    std::uint64_t dice;  // decides what may vary
};

void append_callback(std::string& out, const CallbackContext& context);

// Also in the answers of lists.
Spelling spelling_of(const Knobs& knobs, std::uint64_t dice);
bool takes_second(Form form, std::uint64_t dice);
std::string_view failed_word(const Knobs& knobs, std::uint64_t dice);
// One {"id":…,"kind":…} after the other.
class IdList {
  public:
    IdList(std::string& out, Spelling spelling) : out_(out), spelling_(spelling) {}
    void iccid(std::uint64_t packed);
    void imei(std::uint64_t packed);
    void mdn(std::uint32_t number, Kind kind);  // also as msisdn or min
    void imsi(std::uint32_t row);

  private:
    void open();
    void close(Kind kind);
    std::string& out_;
    Spelling spelling_;
    bool first_ = true;
};
void append_ip(std::string& out, std::uint32_t row);  // with quotes

}  // namespace carryall::simulators::thingspace
