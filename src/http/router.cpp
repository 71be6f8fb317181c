// The trie behind Router, and percent-decoding.
#include "http/router.hpp"

#include <array>

#include "base/check.hpp"
#include "base/text.hpp"

namespace carryall::http {
namespace {

constexpr std::size_t kMethods = 7;
constexpr std::size_t kMaxSegments = 64;
constexpr std::size_t kMaxQueryItems = 256;

std::optional<std::vector<std::string_view>> split(std::string_view path) {
    std::vector<std::string_view> out;
    if (path.empty() || path.front() != '/') return std::nullopt;
    path.remove_prefix(1);
    while (out.size() < kMaxSegments) {
        const auto slash = path.find('/');
        out.push_back(path.substr(0, slash));
        if (slash == std::string_view::npos) return out;
        path.remove_prefix(slash + 1);
    }
    return std::nullopt;
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

struct Router::Node {
    std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
    std::unique_ptr<Node> parameter;
    std::unique_ptr<Node> rest;
    std::array<std::unique_ptr<Route>, kMethods> routes;
    std::array<std::vector<std::string>, kMethods> names;  // of the parameters on the way here

    bool has_routes() const {
        for (const auto& route : routes) {
            if (route) return true;
        }
        return false;
    }

    // The best node for segments[at...]; `values` collects what the parameters matched.
    const Node* find(const std::vector<std::string_view>& segments, std::size_t at,
                     std::vector<std::string>& values) const {
        if (at == segments.size()) {
            if (has_routes()) return this;
            return nullptr;
        }
        const auto decoded = percent_decode(segments[at]);
        if (!decoded) return nullptr;
        if (const auto literal = literals.find(*decoded); literal != literals.end()) {
            if (const Node* found = literal->second->find(segments, at + 1, values)) return found;
        }
        if (parameter && !decoded->empty()) {
            values.push_back(*decoded);
            if (const Node* found = parameter->find(segments, at + 1, values)) return found;
            values.pop_back();
        }
        if (!rest) return nullptr;
        std::string joined;
        for (std::size_t i = at; i < segments.size(); ++i) {
            const auto segment = percent_decode(segments[i]);
            if (!segment) return nullptr;
            joined.append(i == at ? "" : "/").append(*segment);
        }
        values.push_back(std::move(joined));
        return rest.get();
    }
};

Router::Router() : root_(std::make_unique<Node>()) {}
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;
Router::~Router() = default;

void Router::add(Method method, std::string_view pattern, Handler handler, RouteOptions options) {
    const auto segments = split(pattern);
    CHECK(segments.has_value());
    CHECK(method != Method::head && method != Method::options);  // answered by themselves
    Node* node = root_.get();
    std::vector<std::string> names;
    for (std::size_t i = 0; i < segments->size(); ++i) {
        const std::string_view segment = (*segments)[i];
        std::unique_ptr<Node>* next = nullptr;
        if (segment.size() > 2 && segment.front() == '{' && segment.back() == '}') {
            std::string_view name = segment.substr(1, segment.size() - 2);
            const bool is_rest = name.back() == '*';
            if (is_rest) name.remove_suffix(1);
            CHECK(!name.empty() && (!is_rest || i + 1 == segments->size()));
            names.emplace_back(name);
            next = is_rest ? &node->rest : &node->parameter;
        } else {
            CHECK(segment.find_first_of("{}*%") == std::string_view::npos);
            next = &node->literals[std::string(segment)];
        }
        if (!*next) *next = std::make_unique<Node>();
        node = next->get();
    }
    const auto index = static_cast<std::size_t>(method);
    CHECK(!node->routes[index]);
    node->routes[index] =
        std::make_unique<Route>(Route{std::string(pattern), std::move(handler), options});
    node->names[index] = std::move(names);
}

Router::Match Router::match(Method method, std::string_view raw_path) const {
    Match out;
    const auto segments = split(raw_path);
    if (!segments) return out;
    std::vector<std::string> values;
    const Node* node = root_->find(*segments, 0, values);
    if (node == nullptr) return out;
    for (std::size_t i = 0; i < kMethods; ++i) {
        if (!node->routes[i]) continue;
        const auto known = static_cast<Method>(i);
        out.allow.append(to_string(known)).append(", ");
        if (known == Method::get) out.allow.append("HEAD, ");
    }
    out.allow.append("OPTIONS");
    const auto index = static_cast<std::size_t>(method == Method::head ? Method::get : method);
    out.route = node->routes[index].get();
    if (out.route == nullptr) return out;
    for (std::size_t i = 0; i < node->names[index].size(); ++i) {
        out.params[node->names[index][i]] = std::move(values[i]);
    }
    return out;
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            if (i + 2 >= text.size()) return std::nullopt;
            const int high = hex_digit(text[i + 1]);
            const int low = hex_digit(text[i + 2]);
            if (high < 0 || low < 0) return std::nullopt;
            c = static_cast<char>(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (c == '\0') return std::nullopt;
        out += c;
    }
    return out;
}

std::optional<Query> parse_query(std::string_view text) {
    Query query;
    while (!text.empty()) {
        const std::string_view item = base::take_part(text, "&");
        if (item.empty()) continue;
        const auto equals = item.find('=');
        auto name = percent_decode(item.substr(0, equals), true);
        auto value = percent_decode(
            equals == std::string_view::npos ? std::string_view{} : item.substr(equals + 1), true);
        if (!name || !value || query.items.size() == kMaxQueryItems) return std::nullopt;
        query.items.emplace_back(std::move(*name), std::move(*value));
    }
    return query;
}

}  // namespace carryall::http
