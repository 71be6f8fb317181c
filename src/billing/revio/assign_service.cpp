// Gives a line to a customer at Rev.io: looks the number up, creates the service, then each service
// product that it lacks. Convergent like a carrier's exchange: whatever an earlier attempt has
// created is found again and kept.
//
// What must stay true: a service is created only after a reading without any active service of the
// line, a product only after a reading without that product; after an unclear attempt, only a
// reading later than Rev.io's settling time counts.
#include <algorithm>
#include <utility>

#include "billing/revio/assign_progress.hpp"
#include "billing/revio/revio.hpp"
#include "billing/revio/service_lookup.hpp"

namespace carryall::billing::revio {

namespace {

namespace json = base::json;
using carriers::Call;
using carriers::FailureClass;
using carriers::Meaning;
using carriers::Outcome;
using carriers::Standing;
using carriers::Step;
using carriers::Verdict;

constexpr std::string_view kActiveService = "Active service line. New Service line not created";
constexpr std::string_view kOtherCustomer = "Active service line. Cannot change customers";
constexpr std::size_t kMaxNumberBytes = 255;
constexpr std::size_t kMaxDescriptionBytes = 1000;
constexpr std::int64_t kMaxRevioId = 2'147'483'647;

class AssignServiceExchange : public carriers::Exchange {
  public:
    AssignServiceExchange(const carriers::Account& account, AssignService request,
                          const carriers::Attempt& attempt)
        : account_(account),
          request_(std::move(request)),
          done_(AssignProgress::from_json(attempt.progress)),
          is_unclear_(attempt.resolving || done_.is_creating_service ||
                      done_.creating_product != 0),
          is_settled_(attempt.resolving && attempt.settled),
          lookup_(account, {request_.number, request_.number2}) {
        // The same product twice on one line is one product.
        std::sort(request_.product_ids.begin(), request_.product_ids.end());
        const auto end = std::unique(request_.product_ids.begin(), request_.product_ids.end());
        request_.product_ids.erase(end, request_.product_ids.end());
    }

    Step begin() override {
        if (const std::string_view mistake = find_mistake(); !mistake.empty()) {
            return refuse(FailureClass::validation, std::string(mistake));
        }
        if (done_.service_id != 0) return list_products();
        doing_ = Doing::looking_up;
        return *lookup_.next();
    }

    Step proceed(const http::ClientResponse& response) override {
        switch (doing_) {
            case Doing::looking_up:
                return on_lookup(response);
            case Doing::creating_service:
                return on_service(judge(response));
            case Doing::listing_products:
                return on_products(judge(response));
            case Doing::creating_product:
                return on_product(judge(response));
        }
        return Outcome(carriers::Unknown{"impossible step"});
    }

    json::value progress() const override { return done_.to_json(); }

  private:
    enum class Doing { looking_up, creating_service, listing_products, creating_product };

    std::string_view find_mistake() const {
        const auto is_id = [](std::int64_t id) { return id > 0 && id <= kMaxRevioId; };
        const auto is_date = [](const std::string& date) {
            return date.empty() || wire_date(date).has_value();
        };
        if (!is_id(request_.rev_customer_id)) return "The Rev.io customer id is not a number";
        if (!is_id(request_.provider_id)) return "The Rev.io provider id is missing";
        if (request_.number.empty()) return "The line has no number for Rev.io";
        if (request_.number.size() > kMaxNumberBytes || request_.number2.size() > kMaxNumberBytes) {
            return "The number is longer than Rev.io takes (255)";
        }
        if (!std::all_of(request_.product_ids.begin(), request_.product_ids.end(), is_id)) {
            return "A Rev.io product id is not a positive number";
        }
        if (!is_date(request_.activated_date)) return "The activated date is no date";
        if (!is_date(request_.effective_date)) return "The effective date is no date";
        return {};
    }

    Standing standing() const {
        if (is_unclear_) return Standing::unclear;
        return done_.service_id != 0 ? Standing::partly_done : Standing::untouched;
    }

    static Step refuse(FailureClass failure, std::string reason) {
        return Outcome(carriers::Refused{failure, std::move(reason)});
    }

    Step writes_disabled() const {
        std::string reason(carriers::kWritesDisabled);
        if (done_.service_id == 0) return refuse(FailureClass::business, std::move(reason));
        return Outcome(carriers::NotSent{std::move(reason), std::nullopt, false});
    }

    Step post(Doing doing, std::string_view path, const json::object& body, std::string operation) {
        doing_ = doing;
        Call call;
        call.method = http::Method::post;
        call.path = account_.path_prefix + std::string(path);
        call.body = json::serialize(body);
        call.operation = std::move(operation);
        call.timeout = account_.call_timeout;
        return call;
    }

    // --- the service ---

    Step on_lookup(const http::ClientResponse& response) {
        if (const auto failure = lookup_.take(response)) {
            return conclude(*failure, false, standing());
        }
        if (auto call = lookup_.next()) return std::move(*call);
        if (!is_unclear_) {
            if (lookup_.active().empty()) return create_service();
            return refuse_active();
        }
        if (const Service* ours = find_ours()) {
            done_.is_creating_service = false;
            done_.service_id = ours->id;
            done_.activated_date = ours->activated_date;
            return list_products();
        }
        if (!is_settled_) {
            return Outcome(
                carriers::Unknown{"Rev.io does not show the new service yet; it may still come"});
        }
        is_unclear_ = false;
        done_ = {};
        return lookup_.active().empty() ? create_service() : refuse_active();
    }

    // The service that an earlier attempt has created: of this customer, and either nothing stood
    // there before we sent (an attempt that knows that it sent has looked first), or it carries our
    // token.
    const Service* find_ours() const {
        const Service* found = nullptr;
        for (const Service& service : lookup_.active()) {
            if (service.customer_id != request_.rev_customer_id) continue;
            if (has_token(service)) return &service;
            const bool may_be = done_.is_creating_service || request_.token.empty();
            if (may_be && (found == nullptr || found->id < service.id)) found = &service;
        }
        return found;
    }

    std::string bracketed_token() const {
        return request_.token.empty() ? "" : '[' + request_.token + ']';
    }

    bool has_token(const Service& service) const {
        return !request_.token.empty() &&
               service.description.find(bracketed_token()) != std::string::npos;
    }

    Step refuse_active() const {
        const auto& active = lookup_.active();
        const bool is_same_customer =
            std::any_of(active.begin(), active.end(), [&](const Service& service) {
                return service.customer_id == request_.rev_customer_id;
            });
        return refuse(FailureClass::business,
                      std::string(is_same_customer ? kActiveService : kOtherCustomer));
    }

    std::string description() const {
        const std::string token = bracketed_token();
        std::string text = request_.description;
        if (text.size() + token.size() + 1 > kMaxDescriptionBytes) {
            text.resize(kMaxDescriptionBytes - token.size() - 1);
            // Not in the middle of a character.
            while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80) {
                text.pop_back();
            }
            if (!text.empty() && static_cast<unsigned char>(text.back()) >= 0xC0) text.pop_back();
        }
        if (!text.empty() && !token.empty()) text += ' ';
        return text + token;
    }

    void add_dates(json::object& body) const {
        if (!request_.activated_date.empty()) {
            body["activated_date"] = *wire_date(request_.activated_date);
        }
        if (!request_.effective_date.empty()) {
            body["effective_date"] = *wire_date(request_.effective_date);
        }
    }

    Step create_service() {
        if (!account_.write_is_enabled) return writes_disabled();
        json::object body;
        body["customer_id"] = request_.rev_customer_id;
        body["number"] = request_.number;
        if (!request_.number2.empty()) body["number2"] = request_.number2;
        body["provider_id"] = request_.provider_id;
        if (request_.service_type_id) body["service_type_id"] = *request_.service_type_id;
        if (request_.usage_plan_group_id) {
            body["usage_plan_group_id"] = *request_.usage_plan_group_id;
        }
        if (request_.package_id) body["package_id"] = *request_.package_id;
        add_dates(body);
        if (const std::string text = description(); !text.empty()) body["description"] = text;
        done_.is_creating_service = true;
        return post(Doing::creating_service, "/Services", body, "Create Rev Service");
    }

    Step on_service(const Answer& answer) {
        if (answer.verdict.meaning != Meaning::accepted) {
            done_.is_creating_service = answer.verdict.meaning == Meaning::unclear;
            return conclude(answer.verdict, true, standing());
        }
        const auto id = created_id(answer.body);
        if (!id) return Outcome(carriers::Unknown{malformed("no id of the new service").reason});
        done_.is_creating_service = false;
        done_.service_id = *id;
        done_.activated_date = request_.activated_date.substr(0, 10);
        return list_products();
    }

    // --- its products ---

    // Also after the service was just created: a package may bring products of its own.
    Step list_products() {
        if (request_.product_ids.empty()) return applied();
        doing_ = Doing::listing_products;
        Call call;
        call.path = account_.path_prefix +
                    "/ServiceProduct?search.service_id=" + std::to_string(done_.service_id) +
                    "&search.page_size=" + std::to_string(kPageSize) +
                    "&search.page=" + std::to_string(page_);
        call.operation = "Get Rev Service Products";
        call.changes_state = false;
        call.timeout = account_.call_timeout;
        return call;
    }

    Step on_products(const Answer& answer) {
        if (answer.verdict.meaning != Meaning::accepted) {
            return conclude(answer.verdict, false, standing());
        }
        const auto page = parse_service_products(answer.body);
        if (!page) return conclude(malformed("no list of products"), false, standing());
        for (const ServiceProduct& product : page->records) {
            if (product.service_id == done_.service_id && product.is_in_force) {
                products_.push_back(product);
            }
        }
        if (page->has_more) {
            if (page->records.empty() || page_ == kMaxPages) {
                return conclude(malformed("products without an end"), false, standing());
            }
            ++page_;
            return list_products();
        }
        if (next_missing() != 0 && is_unclear_ && !is_settled_) {
            return Outcome(
                carriers::Unknown{"Rev.io does not show every product yet; it may still come"});
        }
        is_unclear_ = false;
        done_.creating_product = 0;
        return create_next_product();
    }

    bool has_product(std::int64_t product_id) const {
        return std::any_of(products_.begin(), products_.end(), [&](const ServiceProduct& product) {
            return product.product_id == product_id;
        });
    }

    // 0: none is missing.
    std::int64_t next_missing() const {
        for (const std::int64_t id : request_.product_ids) {
            if (!has_product(id)) return id;
        }
        return 0;
    }

    Step create_next_product() {
        const std::int64_t product = next_missing();
        if (product == 0) return applied();
        if (!account_.write_is_enabled) return writes_disabled();
        json::object body;
        body["customer_id"] = request_.rev_customer_id;
        body["service_id"] = done_.service_id;
        body["product_id"] = product;
        if (request_.package_id) body["package_id"] = *request_.package_id;
        body["quantity"] = 1;
        add_dates(body);
        body["generate_proration"] = !request_.effective_date.empty();
        done_.creating_product = product;
        return post(Doing::creating_product, "/ServiceProduct", body, "Create Rev Service Product");
    }

    Step on_product(const Answer& answer) {
        const std::int64_t product = done_.creating_product;
        if (answer.verdict.meaning != Meaning::accepted) {
            if (answer.verdict.meaning != Meaning::unclear) done_.creating_product = 0;
            Verdict verdict = answer.verdict;
            verdict.reason = "Rev.io service " + std::to_string(done_.service_id) +
                             " is active, but product " + std::to_string(product) +
                             " was not added: " + verdict.reason;
            return conclude(verdict, true, standing());
        }
        const auto id = created_id(answer.body);
        if (!id) return Outcome(carriers::Unknown{malformed("no id of the new product").reason});
        done_.creating_product = 0;
        products_.push_back({*id, done_.service_id, product, true});
        return create_next_product();
    }

    Step applied() const {
        json::object details;
        details["revioServiceId"] = done_.service_id;
        details["number"] = request_.number;
        details["activatedDate"] = done_.activated_date;
        json::array ids;
        json::array products;
        for (const std::int64_t wanted : request_.product_ids) {
            for (const ServiceProduct& product : products_) {
                if (product.product_id != wanted) continue;
                ids.emplace_back(product.id);
                products.push_back(
                    {{"revioServiceProductId", product.id}, {"productId", product.product_id}});
            }
        }
        details["revioServiceProductIds"] = std::move(ids);
        details["revioServiceProducts"] = std::move(products);
        return Outcome(carriers::Applied{std::move(details)});
    }

    const carriers::Account& account_;
    AssignService request_;
    AssignProgress done_;
    bool is_unclear_;  // an earlier attempt may have done more than done_ says
    const bool is_settled_;

    Doing doing_ = Doing::looking_up;
    ServiceLookup lookup_;
    int page_ = 1;
    std::vector<ServiceProduct> products_;
};

}  // namespace

std::unique_ptr<carriers::Exchange> assign_service(const carriers::Account& account,
                                                   AssignService request,
                                                   const carriers::Attempt& attempt) {
    return std::make_unique<AssignServiceExchange>(account, std::move(request), attempt);
}

}  // namespace carryall::billing::revio
