// The attachments of one message on this machine, while it is sent. What must stay true: a file
// here has the size that was decided on; the folder goes away with the object.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "files/file_store.hpp"
#include "mail/message.hpp"
#include "notify/delivery.hpp"

namespace carryall::notify {

class FetchedFiles {
  public:
    FetchedFiles();
    ~FetchedFiles();
    FetchedFiles(const FetchedFiles&) = delete;
    FetchedFiles& operator=(const FetchedFiles&) = delete;

    struct Missing {
        std::string reason;
        bool needs_person = false;  // else the store may have it later
    };
    // nullopt: it is here.
    std::optional<Missing> fetch(files::FileStore& store, const DeliveryAttachment& wanted);

    const std::vector<mail::Attachment>& attachments() const { return attachments_; }

  private:
    std::filesystem::path folder_;
    std::vector<mail::Attachment> attachments_;
};

}  // namespace carryall::notify
