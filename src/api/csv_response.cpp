#include "api/csv_response.hpp"

#include <cstdio>
#include <memory>

#include "base/secret.hpp"

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

Result<http::Response> csv_response(Call& call, const std::string& file_name,
                                    const std::function<Result<void>(sheets::CsvWriter&)>& write) {
    http::FileBody body;
    body.path = call.services.settings.scratch_directory / ("csv-" + base::random_uuid());
    body.remove_after = true;
    std::unique_ptr<std::FILE, CloseFile> file(std::fopen(body.path.c_str(), "wbx"));
    if (file == nullptr) return base::internal_error("cannot write " + body.path.string());
    sheets::CsvWriter writer([&file](std::string_view chunk) -> Result<void> {
        if (std::fwrite(chunk.data(), 1, chunk.size(), file.get()) == chunk.size()) return {};
        return disk_is_full();
    });
    Result<void> written = write(writer);
    if (written) written = writer.finish();
    if (written && std::fflush(file.get()) != 0) written = disk_is_full();
    if (!written) {
        std::error_code ignored;
        std::filesystem::remove(body.path, ignored);
        return written.error();
    }
    http::Response response = http::Response::file(std::move(body), "text/csv; charset=utf-8");
    response.headers.set("Content-Disposition", "attachment; filename=\"" + file_name + '"');
    return response;
}

}  // namespace carryall::api
