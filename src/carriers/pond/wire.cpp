// Reading POND's answers.
#include "carriers/pond/wire.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace carryall::carriers::pond {

namespace {

constexpr std::string_view kSystem = "POND";
constexpr std::size_t kMaxPackageIdBytes = 64;
// POND does not say whether its epochs are seconds or milliseconds. Above this they are the latter
// (as seconds it would be the year 5138).
constexpr std::int64_t kLargestEpochSeconds = 100'000'000'000;
constexpr std::int64_t kLargestEpochMillis = kLargestEpochSeconds * 1000;

void add_message(Verdict& verdict, const base::json::value& body, std::string_view raw) {
    std::string said;
    if (body.is_object()) said = excerpt(text_at(body.get_object(), "message"));
    if (said.empty()) said = describe_body(raw);
    verdict.reason += ": " + said;
}

// An error that came with a 2xx. POND's own words for a refusal count as one; anything else that
// smells of an error is unclear.
void look_for_error(const base::json::object& body, Verdict& verdict) {
    const auto status = integer_at(body, "status");
    const bool has_status = status && *status >= 400 && *status < 600;
    if (has_status) {
        verdict.meaning = meaning_of_status(static_cast<int>(*status));
        verdict.failure = failure_of_status(static_cast<int>(*status));
        // A rejection unread is a gateway's, and a gateway would not have said 2xx.
        if (verdict.meaning == Meaning::throttled) verdict.meaning = Meaning::unclear;
        verdict.reason = "POND answered an error " + std::to_string(*status) + " inside a success";
        return;
    }
    const base::json::value* success = body.if_contains("success");
    const base::json::value* error = body.if_contains("error");
    if ((success != nullptr && success->is_bool() && !success->get_bool()) ||
        (error != nullptr && !error->is_null())) {
        verdict.meaning = Meaning::unclear;
        verdict.reason = "POND answered an error inside a success";
    }
}

PackageStatus parse_package_status(std::string_view text) {
    if (text == "NOT_ACTIVE") return PackageStatus::not_active;
    if (text == "ACTIVE") return PackageStatus::active;
    if (text == "TERMINATED") return PackageStatus::terminated;
    return PackageStatus::other;
}

// It goes into a path.
bool is_package_id(std::string_view id) {
    return !id.empty() && id.size() <= kMaxPackageIdBytes &&
           std::all_of(id.begin(), id.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      c == '-' || c == '_';
           });
}

}  // namespace

std::string_view text_at(const base::json::object& object, std::string_view name) {
    const base::json::value* found = object.if_contains(name);
    return found != nullptr && found->is_string() ? std::string_view(found->get_string())
                                                  : std::string_view();
}

std::optional<std::int64_t> integer_at(const base::json::object& object, std::string_view name) {
    const base::json::value* found = object.if_contains(name);
    if (found == nullptr) return std::nullopt;
    if (found->is_int64()) return found->get_int64();
    if (found->is_string()) return base::parse_int(found->get_string());
    return std::nullopt;
}

std::optional<base::Instant> epoch_at(const base::json::object& object, std::string_view name) {
    const auto value = integer_at(object, name);
    if (!value || *value < 0 || *value > kLargestEpochMillis) return std::nullopt;
    if (*value > kLargestEpochSeconds) return base::Instant(std::chrono::milliseconds(*value));
    return base::Instant(std::chrono::seconds(*value));
}

std::optional<ListPage> parse_list_page(const base::json::value& body) {
    if (!body.is_object()) return std::nullopt;
    const auto total = integer_at(body.get_object(), "total");
    if (!total || *total < 0) return std::nullopt;
    ListPage page{*total, nullptr};
    const base::json::value* elements = body.get_object().if_contains("elements");
    if (elements == nullptr || elements->is_null()) return page;
    if (!elements->is_array()) return std::nullopt;
    page.elements = &elements->get_array();
    return page;
}

std::optional<std::string_view> wire_iccid(std::string_view iccid) {
    if ((iccid.size() != kIccidDigits && iccid.size() != kIccidDigits + 1) ||
        !base::all_digits(iccid)) {
        return std::nullopt;
    }
    return iccid.substr(0, kIccidDigits);
}

bool is_not_found(const Verdict& verdict) {
    constexpr int kNotFound = 404;
    return verdict.meaning == Meaning::refused && verdict.http_status == kNotFound;
}

Verdict malformed(std::string_view what) {
    Verdict verdict;
    verdict.reason = "POND answered something that cannot be understood: " + std::string(what);
    return verdict;
}

Answer judge(const http::ClientResponse& response, Expect expect) {
    Answer answer{classify(kSystem, response), nullptr};
    if (response.transport != http::Transport::ok) return answer;
    const bool accepted = answer.verdict.meaning == Meaning::accepted;
    if (response.body.empty() && accepted) {
        if (expect == Expect::object) answer.verdict = malformed("an empty answer");
        return answer;
    }
    auto parsed = base::parse_json(response.body);
    if (!parsed || !parsed->is_object()) {
        if (accepted)
            answer.verdict = malformed(describe_body(response.body));
        else
            add_message(answer.verdict, nullptr, response.body);
        return answer;
    }
    answer.body = std::move(*parsed);
    if (accepted) look_for_error(answer.body.get_object(), answer.verdict);
    if (answer.verdict.meaning != Meaning::accepted) {
        add_message(answer.verdict, answer.body, response.body);
    }
    return answer;
}

std::optional<Package> parse_package(const base::json::value& value, std::string_view iccid) {
    if (!value.is_object()) return std::nullopt;
    const base::json::object& object = value.get_object();
    Package package;
    package.id = text_at(object, "packageId");
    if (!is_package_id(package.id)) return std::nullopt;
    const auto type = integer_at(object, "packageTypeId");
    if (!type) return std::nullopt;
    package.type_id = *type;
    // Another SIM's package must never be terminated here.
    if (wire_iccid(text_at(object, "simIccid")) != iccid) return std::nullopt;
    const std::string_view status = text_at(object, "status");
    if (status.empty()) return std::nullopt;
    package.status = parse_package_status(status);
    package.created = epoch_at(object, "dateCreated");
    return package;
}

std::optional<PackagePage> parse_package_page(const base::json::value& body,
                                              std::string_view iccid) {
    const auto list = parse_list_page(body);
    if (!list) return std::nullopt;
    PackagePage page;
    page.total = list->total;
    if (list->elements == nullptr) return page;
    page.packages.reserve(list->size());
    for (const base::json::value& element : *list->elements) {
        auto package = parse_package(element, iccid);
        if (!package) return std::nullopt;
        page.packages.push_back(std::move(*package));
    }
    return page;
}

std::optional<ServiceFlags> parse_service_flags(const base::json::value& body) {
    static constexpr std::array<std::string_view, 3> kFlags = {
        "simDataServiceStatus", "simVoiceServiceStatus", "simSmsServiceStatus"};
    if (!body.is_object()) return std::nullopt;
    ServiceFlags flags{true, true};
    for (const std::string_view name : kFlags) {
        const std::string_view text = text_at(body.get_object(), name);
        if (text != "ENABLED" && text != "DISABLED") return std::nullopt;
        (text == "ENABLED" ? flags.all_disabled : flags.all_enabled) = false;
    }
    return flags;
}

}  // namespace carryall::carriers::pond
