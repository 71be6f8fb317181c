#include "api/file_response.hpp"

#include <cstdio>
#include <memory>

#include "base/file_name.hpp"
#include "base/ids.hpp"
#include "base/secret.hpp"
#include "files/file_store.hpp"

namespace carryall::api {
namespace {

using base::Result;

struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
};

base::Error disk_is_full() {
    return base::internal_error("the scratch directory takes no more data");
}

}  // namespace

Result<http::Response> file_response(const Call& call, std::string_view content_type,
                                     const std::string& file_name,
                                     const std::function<Result<void>(const FileSink&)>& write) {
    http::FileBody body;
    body.path = call.services.settings.scratch_directory / ("answer-" + base::random_uuid());
    body.remove_after = true;
    std::unique_ptr<std::FILE, CloseFile> file(std::fopen(body.path.c_str(), "wbx"));
    if (file == nullptr) return base::internal_error("cannot write " + body.path.string());
    Result<void> written = write([&file](std::string_view chunk) -> Result<void> {
        if (std::fwrite(chunk.data(), 1, chunk.size(), file.get()) == chunk.size()) return {};
        return disk_is_full();
    });
    if (written && std::fflush(file.get()) != 0) written = disk_is_full();
    if (!written) {
        std::error_code ignored;
        std::filesystem::remove(body.path, ignored);
        return written.error();
    }
    http::Response response = http::Response::file(std::move(body), std::string(content_type));
    response.headers.set("Content-Disposition", "attachment; filename=\"" + file_name + '"');
    return response;
}

Result<http::Response> csv_response(const Call& call, const std::string& file_name,
                                    const std::function<Result<void>(sheets::CsvWriter&)>& write) {
    return file_response(call, "text/csv; charset=utf-8", file_name, [&](const FileSink& sink) {
        sheets::CsvWriter writer(sink);
        const auto written = write(writer);
        return written ? writer.finish() : written;
    });
}

Result<http::Response> stored_file_response(const Call& call, const std::string& file_key,
                                            const std::string& file_name,
                                            const std::string& content_type) {
    const Services& services = call.services;
    if (services.files == nullptr) return base::internal_error("this process has no file store");
    http::FileBody body;
    body.path = services.settings.scratch_directory / ("download-" + base::random_uuid());
    body.remove_after = true;
    const auto got = services.files->get(file_key, body.path);
    if (!got) return got.error();
    if (!*got) return base::not_found("The file is no longer kept");
    http::Response response = http::Response::file(std::move(body), content_type);
    response.headers.set("Content-Disposition", base::attachment_disposition(file_name));
    return response;
}

}  // namespace carryall::api
