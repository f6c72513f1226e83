package io.tandem.server.adapter;

import io.tandem.server.api.TenantId;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The adapters of all tenants; whoever wants one has to say whose. A name means nothing outside its tenant. */
public final class TenantAdapters implements AutoCloseable {
    private final LibraryResources resources;
    private final Opening opening;
    private final AdapterRouter router;
    private final Map<TenantId, Adapters> open = new ConcurrentHashMap<>();

    /** Reads what there is of a tenant. */
    public interface Opening {
        Adapters open(TenantId tenant) throws IOException;
    }

    /** @param resources of all that are opened */
    public TenantAdapters(LibraryResources resources, Opening opening) {
        this.resources = resources;
        this.opening = opening;
        this.router = new AdapterRouter(
                resources.workers(), resources.metrics(), resources.config().routingMargin());
    }

    /** Reads the manifests of a tenant when it is asked for it first; a new tenant has none. */
    public Adapters of(TenantId tenant) {
        return open.computeIfAbsent(tenant, owner -> {
            try {
                return opening.open(owner);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    /**
     * An adapter that answers a request.
     *
     * @param library that has it
     * @param owner and a slash if it is another tenant's, else empty
     */
    public record Chosen(AdapterLibrary library, AdapterChoice choice, String owner) {
        /** How the request names exactly this version. */
        public String reference() {
            return owner + choice.reference();
        }
    }

    /**
     * The version that a tenant's request gets: of an adapter of its own, or of one that its owner shares with it.
     *
     * @param reference as {@link AdapterLibrary#choose} takes it; after the owner's id and a slash for a shared one
     */
    public Optional<Chosen> choose(TenantId reader, String reference, String key) {
        AdapterLibrary own = of(reader).library();
        return own.choose(reference, key)
                .map(choice -> new Chosen(own, choice, ""))
                .or(() -> chooseShared(reader, reference, key));
    }

    private Optional<Chosen> chooseShared(TenantId reader, String reference, String key) {
        int slash = reference.indexOf('/');
        String owner = slash < 0 ? "" : reference.substring(0, slash);
        // Not with 'of', which would make a library for whoever is named.
        @Nullable Adapters adapters = TenantId.isOne(owner) ? open.get(new TenantId(owner)) : null;
        return adapters == null
                ? Optional.empty()
                : adapters.library()
                        .chooseShared(reader, reference.substring(slash + 1), key)
                        .map(choice -> new Chosen(adapters.library(), choice, owner + "/"));
    }

    /** Names, sorted, under which a tenant finds what others share with it. */
    public SortedSet<String> sharedWith(TenantId reader) {
        SortedSet<String> names = new TreeSet<>();
        open.forEach((owner, adapters) ->
                adapters.library().sharedWith(reader).forEach(name -> names.add(owner + "/" + name)));
        return names;
    }

    /** What a tenant can ask for, in the versions that it would get, but for checkpoints. Listing them is not asking for them. */
    public List<Chosen> candidates(TenantId reader, String key) {
        Stream<Chosen> own = candidates(of(reader).library(), "", key, entry -> true);
        Stream<Chosen> shared = open.entrySet().stream()
                .filter(other -> !other.getKey().equals(reader))
                .flatMap(other -> candidates(
                        other.getValue().library(),
                        other.getKey().value() + "/",
                        key,
                        entry -> entry.sharedWith(reader)));
        return Stream.concat(own, shared)
                .sorted(Comparator.comparing(Chosen::reference))
                .toList();
    }

    private static Stream<Chosen> candidates(
            AdapterLibrary library, String owner, String key, Predicate<AdapterEntry> visible) {
        return library.catalog().all().stream()
                .filter(visible)
                .filter(entry -> !AdapterEntry.isCheckpoint(entry.name()))
                .map(entry -> new AdapterChoice(entry.name(), entry.choose(key)))
                .filter(choice -> library.fits(choice.version()))
                .map(choice -> new Chosen(library, choice, owner));
    }

    /** Chooses among adapters for a prompt. */
    public AdapterRouter router() {
        return router;
    }

    /** Those that have been asked for. */
    public Collection<Adapters> all() {
        return List.copyOf(open.values());
    }

    @Override
    public void close() {
        all().forEach(adapters -> adapters.sources().close());
        resources.close();
    }
}
