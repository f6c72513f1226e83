package io.tandem.server.storage.blob;

import io.tandem.server.environment.S3Clients;
import io.tandem.server.storage.AtomicFiles;
import io.tandem.server.storage.NotStoredException;
import io.tandem.server.storage.Sha256;
import io.tandem.server.storage.document.UnreachableException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.checksums.ResponseChecksumValidation;
import software.amazon.awssdk.core.exception.SdkException;

/**
 * Blobs in a bucket of S3, or of a store that speaks its protocol. The files of a blob are objects under names that nobody has
 * used before; its manifest, which names them, is written last and is one object, so a blob is whole or absent. Objects without a
 * manifest are garbage, and go when their key is written again or deleted. One server at a time writes.
 *
 * <pre>
 * manifests/KEY
 * objects/KEY/GENERATION/NAME
 * </pre>
 */
public final class S3Blobs implements Blobs {
    private static final Logger LOG = LoggerFactory.getLogger(S3Blobs.class);
    private static final Duration CONNECT = Duration.ofSeconds(3);
    private static final String MANIFESTS = "manifests/";
    private static final String OBJECTS = "objects/";
    private static final int MANIFEST_BYTES = 1 << 22;
    private static final int ATTEMPTS = 3;
    /** Writers may be faster than a reader for a while, but not for ever. */
    private static final int OVERTAKEN_MAX = 100;

    private static final int LOCKS = 64;

    private final S3Address address;
    private final Bucket bucket;
    private final Path scratch;
    private final BlobCache cache;
    /** Generations whose manifests are still to be written. */
    private final Set<String> unfinished = ConcurrentHashMap.newKeySet();
    /** Held while a manifest comes or goes, and others are told from it. */
    private final List<Object> locks = new ArrayList<>();

    private S3Blobs(S3Address address, Bucket bucket, Path scratch, BlobCache cache) {
        this.address = address;
        this.bucket = bucket;
        this.scratch = scratch;
        this.cache = cache;
        for (int i = 0; i < LOCKS; i++) {
            locks.add(new Object());
        }
    }

    /**
     * @param environment of the process, with credentials
     * @param scratch a directory for what is on its way, and for copies; nothing in it has to survive
     * @param cacheBytes of copies that are not in use
     * @throws IOException if the bucket cannot be used
     */
    public static S3Blobs open(S3Address address, Map<String, String> environment, Path scratch, long cacheBytes)
            throws IOException {
        return open(address, environment, scratch, cacheBytes, Bucket.Sizes.STANDARD);
    }

    static S3Blobs open(
            S3Address address, Map<String, String> environment, Path scratch, long cacheBytes, Bucket.Sizes sizes)
            throws IOException {
        Bucket bucket;
        try {
            bucket = new Bucket(
                    S3Clients.builder(environment, address.place(), CONNECT)
                            // What manifests say is enough, and other stores do not know all of AWS's checksums.
                            .requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED)
                            .responseChecksumValidation(ResponseChecksumValidation.WHEN_REQUIRED)
                            .serviceConfiguration(service -> service.chunkedEncodingEnabled(false))
                            .overrideConfiguration(
                                    client -> client.retryStrategy(retries -> retries.maxAttempts(ATTEMPTS)))
                            .build(),
                    address,
                    sizes);
        } catch (IllegalArgumentException | SdkException e) {
            throw new IOException("the bucket " + address + " cannot be used: " + e.getMessage(), e);
        }
        try {
            bucket.require();
        } catch (IOException e) {
            bucket.close();
            String why = Optional.ofNullable(e.getCause()).orElse(e).getMessage();
            throw new IOException("the bucket " + address + " cannot be used: " + why, e);
        }
        try {
            Path copies = scratch.resolve("blobs");
            AtomicFiles.delete(copies);
            AtomicFiles.createDirectories(copies);
            return new S3Blobs(address, bucket, scratch, new BlobCache(copies, cacheBytes));
        } catch (IOException | RuntimeException e) {
            bucket.close();
            throw e;
        }
    }

    private static String manifest(String key) {
        if (!key.contains("/") || !BlobManifest.isName(key)) {
            throw new IllegalArgumentException("'" + key + "' is not a possible key");
        }
        return MANIFESTS + key;
    }

    private static String object(String key, BlobManifest manifest, BlobManifest.Part part) {
        return OBJECTS + key + "/" + manifest.generation() + "/" + part.name();
    }

    /** Keys that are deleted together begin with the same two names. */
    private Object lock(String key) {
        String[] names = key.split("/", 3);
        return locks.get(Math.floorMod((names[0] + "/" + names[1]).hashCode(), LOCKS));
    }

    @Override
    public void requireThere() throws IOException {
        bucket.requireThere();
    }

    @Override
    public void put(String key, Writing writing) throws IOException {
        requireThere();
        Path local = AtomicFiles.unfinished(scratch.resolve("blob"));
        try {
            BlobManifest made = make(key, generation -> {
                writing.into(local);
                BlobManifest manifest = BlobManifest.of(generation, local);
                for (BlobManifest.Part part : manifest.parts()) {
                    bucket.put(object(key, manifest, part), manifest.in(local, part));
                }
                return manifest;
            });
            cache.adopt(made.generation(), made.bytes(), local);
        } catch (NoSuchFileException | UnreachableException e) {
            throw e;
        } catch (IOException e) {
            throw new NotStoredException(e);
        } finally {
            AtomicFiles.delete(local);
        }
    }

    @Override
    public void copy(String from, String to) throws IOException {
        use(
                from,
                source -> make(to, generation -> {
                    BlobManifest manifest = source.as(generation);
                    for (BlobManifest.Part part : source.parts()) {
                        if (!bucket.copy(object(from, source, part), object(to, manifest, part), part.bytes())) {
                            throw new DamagedBlobException(from);
                        }
                    }
                    return manifest;
                }));
    }

    private interface Making {
        BlobManifest of(String generation) throws IOException;
    }

    private BlobManifest make(String key, Making making) throws IOException {
        String place = manifest(key);
        String generation = BlobManifest.newGeneration();
        unfinished.add(generation);
        try {
            BlobManifest made = making.of(generation);
            List<String> garbage;
            synchronized (lock(key)) {
                bucket.put(place, made.json());
                // From here on the blob is there, whatever becomes of the one before it.
                unfinished.remove(generation);
                garbage = garbage(key, generation);
            }
            discard(garbage);
            return made;
        } catch (IOException | RuntimeException e) {
            unfinished.remove(generation);
            // Otherwise the manifest may have been written all the same.
            if (!(e instanceof UnreachableException)) {
                discard(garbage(key + "/" + generation, ""));
            }
            throw e;
        } finally {
            unfinished.remove(generation);
        }
    }

    /** The objects of a key of which no manifest tells nor will tell; none if they cannot be listed for now. */
    private List<String> garbage(String key, String current) {
        try {
            return objects(key, current);
        } catch (IOException e) {
            LOG.warn("earlier objects of {} stay until it is deleted: {}", key, e.getMessage());
            return List.of();
        }
    }

    private void discard(List<String> garbage) {
        try {
            bucket.delete(garbage);
        } catch (IOException e) {
            LOG.warn("objects stay until their key is deleted: {}", e.getMessage());
        }
    }

    private List<String> objects(String key, String current) throws IOException {
        return bucket.list(OBJECTS + key + "/").stream()
                .filter(object -> {
                    for (String step : object.split("/", -1)) {
                        if (step.equals(current) || unfinished.contains(step)) {
                            return false;
                        }
                    }
                    return true;
                })
                .toList();
    }

    private BlobManifest find(String key) throws IOException {
        byte[] json = bucket.get(manifest(key), MANIFEST_BYTES).orElseThrow(() -> new NoSuchFileException(key));
        return BlobManifest.read(key, json);
    }

    private interface Using<T> {
        T of(BlobManifest manifest) throws IOException;
    }

    /** Does something with the files of a blob; what another thread has replaced meanwhile is looked at again. */
    private <T> T use(String key, Using<T> using) throws IOException {
        BlobManifest manifest = find(key);
        for (int attempt = 1; ; attempt++) {
            try {
                return using.of(manifest);
            } catch (DamagedBlobException e) {
                BlobManifest now = attempt == OVERTAKEN_MAX ? manifest : find(key);
                if (now.generation().equals(manifest.generation())) {
                    LOG.warn("{}", e.getMessage());
                    throw e;
                }
                manifest = now;
            }
        }
    }

    @Override
    public <T> T read(String key, Reading<T> reading) throws IOException {
        try (BlobCache.Lease copy = copyOf(key)) {
            return reading.from(copy.path());
        }
    }

    private BlobCache.Lease copyOf(String key) throws IOException {
        return use(
                key,
                manifest -> cache.lease(manifest.generation(), manifest.bytes(), place -> fetch(key, manifest, place)));
    }

    private void fetch(String key, BlobManifest manifest, Path place) throws IOException {
        if (manifest.directory()) {
            Files.createDirectory(place);
        }
        for (BlobManifest.Part part : manifest.parts()) {
            Path file = manifest.in(place, part);
            Files.createDirectories(Objects.requireNonNull(file.getParent()));
            fetch(object(key, manifest, part), part, file);
        }
    }

    private void fetch(String object, BlobManifest.Part part, Path file) throws IOException {
        for (int attempt = 1; ; attempt++) {
            MessageDigest hash = Sha256.digest();
            try (OutputStream out = new DigestOutputStream(Files.newOutputStream(file), hash)) {
                if (!bucket.get(object, part.bytes() + 1, out)) {
                    throw new DamagedBlobException(object);
                }
            } catch (UnreachableException e) {
                if (attempt == ATTEMPTS) {
                    throw e;
                }
                continue;
            }
            if (Files.size(file) == part.bytes()
                    && HexFormat.of().formatHex(hash.digest()).equals(part.sha256())) {
                return;
            }
            if (attempt == ATTEMPTS) {
                throw new DamagedBlobException(object);
            }
        }
    }

    @Override
    public boolean exists(String key) throws IOException {
        return bucket.exists(manifest(key));
    }

    @Override
    public List<String> list(String prefix) throws IOException {
        return bucket.children(MANIFESTS + prefix).stream()
                .map(key -> key.substring(MANIFESTS.length()))
                .sorted()
                .toList();
    }

    @Override
    public boolean delete(String key) throws IOException {
        String place = manifest(key);
        List<String> manifests;
        List<String> objects;
        synchronized (lock(key)) {
            manifests = bucket.list(place).stream()
                    .filter(found -> found.equals(place) || found.startsWith(place + "/"))
                    .toList();
            bucket.delete(manifests);
            objects = objects(key, "");
        }
        bucket.delete(objects);
        return !manifests.isEmpty();
    }

    @Override
    public String home() {
        return "s3://" + address.bucket() + "/" + address.prefix();
    }

    @Override
    public String place(String key) throws IOException {
        return home() + OBJECTS + key + "/" + find(key).generation();
    }

    @Override
    public void forgetUnfinished() throws IOException {
        bucket.abortUploads(OBJECTS);
    }

    /** Whether there is a blob with what is in a file or a directory. */
    public boolean has(String key, Path content) throws IOException {
        try {
            return find(key).hasContentOf(BlobManifest.of("", content));
        } catch (NoSuchFileException | DamagedBlobException e) {
            return false;
        }
    }

    @Override
    public void close() {
        bucket.close();
    }
}
