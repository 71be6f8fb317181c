// /v1/downloads/{token}: a file of the file store for whoever has the link (files/link.hpp). What
// must stay true: the token alone says which file, and it stands in no log; what it opens is never
// told from what is missing.
#include "api/api.hpp"
#include "base/file_name.hpp"
#include "base/ids.hpp"
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
    if (services.files == nullptr) return base::internal_error("this process has no file store");
    // By way of the scratch directory: a failure in the middle is still a clean answer.
    http::FileBody body;
    body.path = services.settings.scratch_directory / ("download-" + base::random_uuid());
    body.remove_after = true;
    const auto got = services.files->get(link->file_key, body.path);
    if (!got) return got.error();
    base::log::info("file_downloaded", {{"fileTenantId", link->tenant_id},
                                        {"fileKey", link->file_key},
                                        {"found", *got},
                                        {"remoteAddress", call.request.remote_address}});
    if (!*got) return base::not_found("The file is no longer kept");
    Response response = Response::file(std::move(body), link->content_type);
    response.headers.set("Content-Disposition", base::attachment_disposition(link->file_name));
    return response;
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
