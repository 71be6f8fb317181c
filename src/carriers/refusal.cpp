// Nothing was sent and nothing will be: the outcome stands before the first call.
#include "carriers/refusal.hpp"

namespace carryall::carriers {

namespace {

class RefusingExchange : public Exchange {
  public:
    explicit RefusingExchange(Refused refused) : refused_(std::move(refused)) {}

    Step begin() override { return Outcome(refused_); }
    Step proceed(const http::ClientResponse&) override { return Outcome(refused_); }

  private:
    Refused refused_;
};

struct NameOf {
    const char* operator()(const StatusChange&) const { return "change statuses"; }
    const char* operator()(const RatePlanChange&) const { return "change rate plans"; }
    const char* operator()(const FeatureChange&) const { return "change features"; }
    const char* operator()(const EquipmentChange&) const { return "change SIM or device"; }
    const char* operator()(const Activation&) const { return "activate new lines"; }
};

}  // namespace

std::unique_ptr<Exchange> refusing_exchange(FailureClass failure, std::string reason) {
    return std::make_unique<RefusingExchange>(Refused{failure, std::move(reason)});
}

std::unique_ptr<Exchange> unsupported_action(Integration integration, const Action& action) {
    return refusing_exchange(FailureClass::validation,
                             std::string(display_name(integration)) + " cannot " +
                                 std::visit(NameOf{}, action) + " in this version");
}

}  // namespace carryall::carriers
