package io.tandem.server.http;

import io.tandem.server.tenant.Tenants;
import io.vertx.core.Vertx;
import java.nio.file.Path;

/**
 * What forms share.
 *
 * @param directory for unfinished ones, on the file system of the files
 * @param turns in which they are taken apart
 * @param room for files
 */
public record Uploads(Path directory, UploadPace pace, TenantTurns turns, FileRoom room) {
    /** @param bytesPerSecond while another tenant asks; 0 if uploads are never held */
    public static Uploads to(Path directory, long bytesPerSecond, Tenants tenants, Vertx vertx) {
        return new Uploads(
                directory, new UploadPace(bytesPerSecond), TenantTurns.ofUploads(vertx), new FileRoom(tenants));
    }
}
