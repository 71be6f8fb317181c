// A body as a described struct that refuses members it does not have: where everything may be left
// out, a misspelt member would be taken for "leave it as it is".
#pragma once

#include "api/call.hpp"
#include "base/text.hpp"

namespace carryall::api {

template <class T>
base::Result<T> strict_body(Call& call) {
    const auto value = call.json_body();
    if (!value) return value.error();
    base::JsonErrors mistakes;
    const base::Result<T> out = base::read_json<T>(*value, mistakes);
    if (value->is_object()) {
        for (const auto& [name, member] : value->get_object()) {
            bool is_known = false;
            boost::mp11::mp_for_each<
                boost::describe::describe_members<T, boost::describe::mod_public>>([&](auto known) {
                is_known |= base::ascii_lower(base::camel_case(known.name)) ==
                            base::ascii_lower(std::string_view(name.data(), name.size()));
            });
            if (!is_known) mistakes.add('/' + std::string(name), "is unknown here");
        }
    }
    if (mistakes.empty()) return out;
    call.errors = mistakes.items();
    return mistakes.items().front();
}

}  // namespace carryall::api
