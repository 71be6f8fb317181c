// What may be subscribed to. Pure.
#include <algorithm>

#include "notify/event.hpp"

namespace carryall::notify {

Result<std::vector<std::string>> check_event_types(const std::vector<std::string>& types) {
    if (types.size() > kMaxEventTypes) {
        return base::invalid_input("must name at most " + std::to_string(kMaxEventTypes) + " types",
                                   "/eventTypes");
    }
    std::vector<std::string> checked;
    for (std::size_t i = 0; i < types.size(); ++i) {
        if (std::find(kEventTypes.begin(), kEventTypes.end(), types[i]) == kEventTypes.end()) {
            std::string known;
            for (const std::string_view type : kEventTypes) {
                known.append(known.empty() ? "" : ", ").append(type);
            }
            return base::invalid_input("there is no such type of event; there are " + known,
                                       "/eventTypes/" + std::to_string(i));
        }
        if (std::find(checked.begin(), checked.end(), types[i]) == checked.end()) {
            checked.push_back(types[i]);
        }
    }
    return checked;
}

}  // namespace carryall::notify
