// /v1/downloads/{token}: a file of the file store for whoever has the link (files/link.hpp). What
// must stay true: the token alone says which file, and it stands in no log; what it opens is never
// told from what is missing.
#include "api/api.hpp"
#include "api/file_response.hpp"
#include "base/log.hpp"
#include "files/link.hpp"

namespace carryall::api {
namespace {

using base::Result;
using http::Method;
using http::Response;

Result<Response> download(Call& call) {
    const Services& services = call.services;
    const auto link =
        files::open_link(services.master_key, call.request.param("token"), services.clock.now());
    if (!link) return link.error();
    base::log::info("file_downloaded", {{"fileTenantId", link->tenant_id},
                                        {"fileKey", link->file_key},
                                        {"remoteAddress", call.request.remote_address}});
    return stored_file_response(call, link->file_key, link->file_name, link->content_type);
}

}  // namespace

void add_download_routes(Routes& routes) {
    routes.add({.method = Method::get,
                .pattern = "/v1/downloads/{token}",
                .access = Access::link,
                .rate = RateClass::open,
                .handler = download});
}

}  // namespace carryall::api
