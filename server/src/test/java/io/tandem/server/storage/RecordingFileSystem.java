package io.tandem.server.storage;

import io.tandem.server.storage.Recording.Node;
import io.tandem.server.storage.Recording.Put;
import io.tandem.server.storage.Recording.Remove;
import io.tandem.server.storage.Recording.Rename;
import io.tandem.server.storage.Recording.Truncate;
import java.io.IOException;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.net.URI;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.AccessMode;
import java.nio.file.CopyOption;
import java.nio.file.DirectoryStream;
import java.nio.file.FileStore;
import java.nio.file.FileSystem;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.FileAttributeView;
import java.nio.file.spi.FileSystemProvider;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/** Passes everything below one directory on to the default file system, and records what changes. */
final class RecordingFileSystem extends FileSystemProvider {
    private final Path realRoot;
    private final FileSystemProvider inner;
    private final FileSystem fileSystem;
    private final Recording recording = new Recording();

    /** @param root an empty directory */
    RecordingFileSystem(Path root) {
        this.realRoot = root;
        this.inner = root.getFileSystem().provider();
        this.fileSystem = new DelegatingFileSystem(root.getFileSystem(), this);
    }

    Recording recording() {
        return recording;
    }

    Path root() {
        return wrap(realRoot);
    }

    /** A path behaves as the default file system's, but belongs to this one. */
    Path wrap(Path path) {
        InvocationHandler handler = (proxy, method, arguments) -> {
            if (method.getName().equals("getFileSystem")) {
                return fileSystem;
            }
            Object[] plain = arguments == null ? new Object[0] : arguments.clone();
            for (int i = 0; i < plain.length; i++) {
                plain[i] = plain[i] instanceof Path other ? real(other) : plain[i];
            }
            try {
                Object result = method.invoke(path, plain);
                return result instanceof Path found ? wrap(found) : result;
            } catch (InvocationTargetException e) {
                throw e.getCause();
            }
        };
        return (Path) Proxy.newProxyInstance(
                RecordingFileSystem.class.getClassLoader(),
                new Class<?>[] {Path.class, RealPath.class},
                new RealHandler(path, handler));
    }

    /** Tells which path of the default file system is behind one of this. */
    interface RealPath {
        Path realPath();
    }

    private record RealHandler(Path path, InvocationHandler others) implements InvocationHandler {
        @Override
        public Object invoke(Object proxy, java.lang.reflect.Method method, Object[] arguments) throws Throwable {
            return method.getName().equals("realPath") ? path : others.invoke(proxy, method, arguments);
        }
    }

    static Path real(Path path) {
        return path instanceof RealPath own ? own.realPath() : path;
    }

    private Node node(Path path) {
        Node node = recording.root();
        Path relative = realRoot.relativize(real(path).toAbsolutePath().normalize());
        for (Path name : relative) {
            if (!name.toString().isEmpty()) {
                node = Objects.requireNonNull(node.entries().get(name.toString()), () -> "not recorded: " + path);
            }
        }
        return node;
    }

    private Node parent(Path path) {
        return node(Objects.requireNonNull(real(path).toAbsolutePath().getParent()));
    }

    private static String name(Path path) {
        return path.getFileName().toString();
    }

    @Override
    public FileChannel newFileChannel(Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes)
            throws IOException {
        boolean there = Files.exists(real(path), LinkOption.NOFOLLOW_LINKS);
        FileChannel channel = inner.newFileChannel(real(path), options, attributes);
        if (!there) {
            recording.add(new Put(parent(path), name(path), Node.file()));
        } else if (options.contains(StandardOpenOption.TRUNCATE_EXISTING)) {
            recording.add(new Truncate(node(path), 0));
        }
        return new RecordingChannel(channel, recording, node(path));
    }

    @Override
    public SeekableByteChannel newByteChannel(
            Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes) throws IOException {
        return newFileChannel(path, options, attributes);
    }

    @Override
    public void createDirectory(Path path, FileAttribute<?>... attributes) throws IOException {
        inner.createDirectory(real(path), attributes);
        recording.add(new Put(parent(path), name(path), Node.directory()));
    }

    @Override
    public void createLink(Path link, Path existing) throws IOException {
        inner.createLink(real(link), real(existing));
        recording.add(new Put(parent(link), name(link), node(existing)));
    }

    @Override
    public void delete(Path path) throws IOException {
        inner.delete(real(path));
        recording.add(new Remove(parent(path), name(path)));
    }

    @Override
    public void move(Path source, Path target, CopyOption... options) throws IOException {
        Node moved = node(source);
        inner.move(real(source), real(target), options);
        recording.add(new Rename(parent(source), name(source), parent(target), name(target), moved));
    }

    @Override
    public void copy(Path source, Path target, CopyOption... options) throws IOException {
        Files.write(target, Files.readAllBytes(source));
    }

    @Override
    public DirectoryStream<Path> newDirectoryStream(Path path, DirectoryStream.Filter<? super Path> filter)
            throws IOException {
        List<Path> entries = new ArrayList<>();
        try (DirectoryStream<Path> all = inner.newDirectoryStream(real(path), entry -> true)) {
            for (Path entry : all) {
                if (filter.accept(wrap(entry))) {
                    entries.add(wrap(entry));
                }
            }
        }
        return new DirectoryStream<>() {
            @Override
            public Iterator<Path> iterator() {
                return entries.iterator();
            }

            @Override
            public void close() {}
        };
    }

    @Override
    public String getScheme() {
        return "recording";
    }

    @Override
    public FileSystem newFileSystem(URI uri, Map<String, ?> environment) {
        throw new UnsupportedOperationException();
    }

    @Override
    public FileSystem getFileSystem(URI uri) {
        return fileSystem;
    }

    @Override
    public Path getPath(URI uri) {
        throw new UnsupportedOperationException();
    }

    @Override
    public boolean isSameFile(Path path, Path other) throws IOException {
        return inner.isSameFile(real(path), real(other));
    }

    @Override
    public boolean isHidden(Path path) throws IOException {
        return inner.isHidden(real(path));
    }

    @Override
    public FileStore getFileStore(Path path) throws IOException {
        return inner.getFileStore(real(path));
    }

    @Override
    public void checkAccess(Path path, AccessMode... modes) throws IOException {
        inner.checkAccess(real(path), modes);
    }

    @Override
    public <V extends FileAttributeView> V getFileAttributeView(Path path, Class<V> type, LinkOption... options) {
        return inner.getFileAttributeView(real(path), type, options);
    }

    @Override
    public <A extends BasicFileAttributes> A readAttributes(Path path, Class<A> type, LinkOption... options)
            throws IOException {
        return inner.readAttributes(real(path), type, options);
    }

    @Override
    public Map<String, Object> readAttributes(Path path, String names, LinkOption... options) throws IOException {
        return inner.readAttributes(real(path), names, options);
    }

    @Override
    public void setAttribute(Path path, String name, Object value, LinkOption... options) {
        throw new UnsupportedOperationException();
    }
}
