package io.tandem.server.storage.blob;

/** Blobs in a directory. */
class DiskBlobsTest extends BlobsTest {
    @Override
    Blobs open() {
        return new DiskBlobs(directory);
    }

    @Override
    boolean keepsDirectoriesTogether() {
        return false;
    }
}
