// See identifiers.hpp.
#include "thingspace/identifiers.hpp"

#include <array>
#include <charconv>

#include "http_request.hpp"
#include "json_text.hpp"

namespace carryall::simulators::thingspace {
namespace {

struct KindWords {
    std::string_view lower;
    std::string_view upper;
    std::string_view title;
    std::string_view camel;
};

constexpr std::array<KindWords, 9> kKinds{{{"iccid", "ICCID", "Iccid", "iccId"},
                                           {"imei", "IMEI", "Imei", "imei"},
                                           {"mdn", "MDN", "Mdn", "mdn"},
                                           {"msisdn", "MSISDN", "Msisdn", "msisdn"},
                                           {"imsi", "IMSI", "Imsi", "imsi"},
                                           {"min", "MIN", "Min", "min"},
                                           {"esn", "ESN", "Esn", "esn"},
                                           {"meid", "MEID", "Meid", "meid"},
                                           {"eid", "EID", "Eid", "eId"}}};

constexpr std::uint64_t kValueMask = (std::uint64_t{1} << 60) - 1;
constexpr std::size_t kFewestDigits = 3;
constexpr std::size_t kMostDigits = 18;
constexpr std::string_view kIccidStart = "89";
constexpr std::size_t kMaxIccidDigits = 20;
constexpr std::size_t kMaxImeiDigits = 16;
constexpr std::size_t kMdnDigits = 10;
constexpr std::size_t kMaxIdBytes = 64;

bool is_decimal(std::string_view text) {
    for (const char c : text) {
        if (c < '0' || c > '9') return false;
    }
    return !text.empty();
}

IdProblem take_mdn(std::string_view ten_digits, std::uint8_t flag, GivenIds& ids) {
    if (ten_digits.size() != kMdnDigits || !is_decimal(ten_digits)) return IdProblem::id;
    ids.mdn = mdn_of(ten_digits);
    ids.unusual = ids.unusual || ids.mdn == 0;
    ids.given |= flag;
    return IdProblem::none;
}

IdProblem take_id(Kind kind, std::string_view id, GivenIds& ids) {
    if (id.empty() || id.size() > kMaxIdBytes) return IdProblem::id;
    switch (kind) {
        case Kind::iccid:
            if (!is_decimal(id) || id.size() > kMaxIccidDigits) return IdProblem::id;
            ids.iccid = pack_iccid(id);
            ids.unusual = ids.unusual || ids.iccid == 0;
            ids.given |= kGivenIccid;
            return IdProblem::none;
        case Kind::imei:
            if (!is_decimal(id) || id.size() > kMaxImeiDigits) return IdProblem::id;
            ids.imei = pack_digits(id);
            ids.unusual = ids.unusual || ids.imei == 0;
            ids.given |= kGivenImei;
            return IdProblem::none;
        case Kind::mdn:
            return take_mdn(id, kGivenMdn, ids);
        case Kind::msisdn:
            if (id.size() == kMdnDigits + 1 && id.front() == '1') id.remove_prefix(1);
            return take_mdn(id, kGivenMsisdn, ids);
        default:
            ids.unusual = true;
            return IdProblem::none;
    }
}

IdProblem read_one(const boost::json::value& value, GivenIds& ids) {
    const auto* object = value.if_object();
    if (object == nullptr) return IdProblem::missing;
    const auto word = text_at(*object, "kind");
    const auto id = text_at(*object, "id");
    const auto kind = word ? kind_of(*word) : std::nullopt;
    if (!kind) return IdProblem::kind;
    return id ? take_id(*kind, *id, ids) : IdProblem::id;
}

}  // namespace

std::optional<Kind> kind_of(std::string_view word) {
    for (std::size_t i = 0; i < kKinds.size(); ++i) {
        if (equal_ignoring_case(kKinds[i].lower, word)) return static_cast<Kind>(i);
    }
    return std::nullopt;
}

void append_kind(std::string& out, Kind kind, Spelling spelling) {
    const KindWords& words = kKinds[static_cast<std::size_t>(kind)];
    switch (spelling) {
        case Spelling::lower:
            out += words.lower;
            break;
        case Spelling::upper:
            out += words.upper;
            break;
        case Spelling::title:
            out += words.title;
            break;
        case Spelling::camel:
            out += words.camel;
            break;
    }
}

std::uint64_t pack_digits(std::string_view text) {
    if (text.size() < kFewestDigits || text.size() > kMostDigits || !is_decimal(text)) return 0;
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value | (static_cast<std::uint64_t>(text.size() - kFewestDigits) << 60);
}

void append_digits(std::string& out, std::uint64_t packed) {
    char digits[kMostDigits];
    const std::size_t count = static_cast<std::size_t>(packed >> 60) + kFewestDigits;
    std::uint64_t value = packed & kValueMask;
    for (std::size_t i = count; i > 0; --i) {
        digits[i - 1] = static_cast<char>('0' + value % 10);
        value /= 10;
    }
    out.append(digits, count);
}

std::uint64_t pack_iccid(std::string_view text) {
    if (text.size() < 18 || text.substr(0, 2) != kIccidStart) return 0;
    return pack_digits(text.substr(2));
}

void append_iccid(std::string& out, std::uint64_t packed) {
    out += kIccidStart;
    append_digits(out, packed);
}

std::string iccid_text(std::uint64_t packed) {
    std::string text;
    append_iccid(text, packed);
    return text;
}

void append_mdn(std::string& out, std::uint32_t mdn) {
    append_unsigned(out, kFirstMdn + mdn);
}

std::uint32_t mdn_of(std::string_view ten_digits) {
    std::uint64_t value = 0;
    std::from_chars(ten_digits.data(), ten_digits.data() + ten_digits.size(), value);
    const bool ours = value > kFirstMdn && value - kFirstMdn <= UINT32_MAX;
    return ours ? static_cast<std::uint32_t>(value - kFirstMdn) : 0;
}

IdProblem read_ids(const boost::json::value& value, GivenIds& ids) {
    ids.json = &value;
    const auto* list = value.if_array();
    if (list == nullptr) return read_one(value, ids);
    if (list->empty()) return IdProblem::missing;
    for (const auto& item : *list) {
        if (const IdProblem problem = read_one(item, ids); problem != IdProblem::none) {
            return problem;
        }
    }
    return IdProblem::none;
}

}  // namespace carryall::simulators::thingspace
