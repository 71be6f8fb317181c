// A Rev.io small enough to reason about: services and service products, without uniqueness, as the
// real one. Calls fail by plan. For tests of exchanges.
#pragma once

#include <string>
#include <vector>

#include "carriers/exchange_play.hpp"

namespace carryall::billing::revio {

// "done_": the call is carried out all the same.
enum class Fault {
    none,
    not_sent,
    throttled,
    quota,
    timeout,
    done_timeout,
    done_lost,
    unavailable,
    server_error,
    done_server_error,
    done_web_page,
    refused,
    unauthorized,
    crash,
    done_crash,
};
inline constexpr int kFaults = static_cast<int>(Fault::done_crash) + 1;

inline constexpr std::int64_t kModelCustomer = 4102;
inline constexpr const char* kModelNumber = "15550001";
inline constexpr const char* kModelIccid = "8910300000001234567";

// The answer that comes when `perform` meets the fault; nothing: the process dies.
template <class Perform>
std::optional<http::ClientResponse> answer_under(Fault fault, const Perform& perform) {
    using carriers::answered;
    using carriers::failed;
    const std::string error = R"([{"ok":false,"message":"said no"}])";
    switch (fault) {
        case Fault::none:
            return perform();
        case Fault::not_sent:
            return failed(http::Transport::not_sent);
        case Fault::throttled:
            return answered(429, R"({"statusCode":429,"message":"in 17 seconds"})");
        case Fault::quota:
            return answered(403, R"({"statusCode":403,"message":"quota; in 05:12:44"})");
        case Fault::timeout:
            return failed(http::Transport::timeout);
        case Fault::unavailable:
            return answered(503, "<html>");
        case Fault::server_error:
            return answered(500, error);
        case Fault::refused:
            return answered(400, error);
        case Fault::unauthorized:
            return answered(401, error);
        case Fault::crash:
            return std::nullopt;
        default:
            break;
    }
    perform();
    switch (fault) {
        case Fault::done_timeout:
            return failed(http::Transport::timeout);
        case Fault::done_lost:
            return failed(http::Transport::lost);
        case Fault::done_server_error:
            return answered(500, error);
        case Fault::done_web_page:
            return answered(201, "<html>");
        default:
            return std::nullopt;
    }
}

// Of a query.
inline std::string parameter(const std::string& path, const std::string& name) {
    const std::size_t found = path.find(name + '=');
    if (found == std::string::npos) return {};
    const std::size_t start = found + name.size() + 1;
    return path.substr(start, path.find('&', start) - start);
}

// The page that `path` asks for, of everything that fits.
inline http::ClientResponse page_of(const base::json::array& all, const std::string& path,
                                    std::size_t page_size) {
    const std::size_t number = std::stoul(parameter(path, "search.page"));
    base::json::array records;
    for (std::size_t i = (number - 1) * page_size; i < number * page_size && i < all.size(); ++i) {
        records.push_back(all[i]);
    }
    const base::json::object body = {{"ok", true},
                                     {"has_more", number * page_size < all.size()},
                                     {"record_count", records.size()},
                                     {"records", std::move(records)}};
    return carriers::answered(200, base::json::serialize(body));
}

inline http::ClientResponse created(std::int64_t id) {
    return carriers::answered(201, R"({"ok":true,"id":)" + std::to_string(id) + '}');
}

struct RevioModel {
    struct ServiceRow {
        std::int64_t id;
        std::int64_t customer;
        std::string number;
        std::string description;
        bool is_active;
    };
    struct ProductRow {
        std::int64_t id;
        std::int64_t service;
        std::int64_t product;
    };
    std::vector<ServiceRow> services;
    std::vector<ProductRow> products;
    std::size_t page_size = 500;
    std::int64_t product_of_new_service = 0;  // what a package brings along
    std::int64_t refused_product = 0;
    int writes_done = 0;

    int count_of_product(std::int64_t product) const {
        int count = 0;
        for (const ProductRow& row : products) count += row.product == product ? 1 : 0;
        return count;
    }

    std::optional<http::ClientResponse> answer(const carriers::Call& call, Fault fault) {
        return answer_under(fault, [&] { return perform(call); });
    }

  private:
    http::ClientResponse perform(const carriers::Call& call) {
        if (call.path == "/v1/Services") return create_service(call);
        if (call.path == "/v1/ServiceProduct") return create_product(call);
        return call.path.starts_with("/v1/Services?") ? list_services(call.path)
                                                      : list_products(call.path);
    }

    // The filter finds longer numbers, too: the client must not trust it.
    http::ClientResponse list_services(const std::string& path) const {
        base::json::array all;
        for (const ServiceRow& row : services) {
            if (row.number.find(parameter(path, "search.number")) == std::string::npos) continue;
            base::json::object record = {{"service_id", row.id},
                                         {"customer_id", std::to_string(row.customer)},
                                         {"number", row.number},
                                         {"description", row.description},
                                         {"activated_date", "2026-03-01T00:00:00"},
                                         {"disconnected_date", nullptr}};
            if (!row.is_active) record["disconnected_date"] = "2026-04-01T00:00:00";
            all.push_back(std::move(record));
        }
        return page_of(all, path, page_size);
    }

    http::ClientResponse list_products(const std::string& path) const {
        base::json::array all;
        for (const ProductRow& row : products) {
            if (std::to_string(row.service) != parameter(path, "search.service_id")) continue;
            all.push_back({{"service_product_id", row.id},
                           {"service_id", row.service},
                           {"product_id", row.product},
                           {"status", "PENDING"}});
        }
        return page_of(all, path, page_size);
    }

    http::ClientResponse create_service(const carriers::Call& call) {
        ++writes_done;
        const auto body = base::parse_json(call.body);
        const std::int64_t id = 1001 + static_cast<std::int64_t>(services.size());
        services.push_back({id, body->at("customer_id").as_int64(),
                            std::string(body->at("number").as_string()),
                            std::string(body->at("description").as_string()), true});
        if (product_of_new_service != 0) {
            products.push_back({9000, id, product_of_new_service});
        }
        return created(id);
    }

    http::ClientResponse create_product(const carriers::Call& call) {
        const auto body = base::parse_json(call.body);
        const std::int64_t product = body->at("product_id").as_int64();
        if (product == refused_product) {
            return carriers::answered(400, R"([{"ok":false,"message":"no such product"}])");
        }
        ++writes_done;
        const std::int64_t id = 2001 + static_cast<std::int64_t>(products.size());
        products.push_back({id, body->at("service_id").as_int64(), product});
        return created(id);
    }
};

}  // namespace carryall::billing::revio
