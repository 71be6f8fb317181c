#include "http/exchange_files.hpp"

#include <cerrno>
#include <system_error>

namespace carryall::http {
namespace {

base::Error cannot(const char* what, const std::filesystem::path& file) {
    return base::internal_error("cannot " + std::string(what) + " " + file.string() + ": " +
                                std::generic_category().message(errno));
}

}  // namespace

base::Result<void> ExchangeFiles::open(const std::filesystem::path& body,
                                       const std::filesystem::path& answer) {
    answer_bytes_ = 0;
    if (!body.empty()) {
        std::error_code failed;
        body_bytes_ = std::filesystem::file_size(body, failed);
        body_.reset(failed ? nullptr : std::fopen(body.c_str(), "rbe"));
        if (failed) errno = failed.value();
        if (body_ == nullptr) return cannot("read", body);
    }
    if (!answer.empty()) {
        answer_.reset(std::fopen(answer.c_str(), "wbe"));
        if (answer_ == nullptr) return cannot("write", answer);
        answer_path_ = answer;
    }
    return {};
}

bool ExchangeFiles::close(bool keeps_answer) {
    body_.reset();
    if (answer_ == nullptr) return true;
    const bool is_whole = std::fclose(answer_.release()) == 0;
    std::error_code ignored;
    if (!keeps_answer || !is_whole) std::filesystem::remove(answer_path_, ignored);
    return is_whole;
}

std::size_t ExchangeFiles::read(char* into, std::size_t size) {
    return std::fread(into, 1, size, body_.get());
}

bool ExchangeFiles::write(const char* data, std::size_t size) {
    answer_bytes_ += size;
    return std::fwrite(data, 1, size, answer_.get()) == size;
}

}  // namespace carryall::http
