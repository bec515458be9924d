import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/** mongo-java-server on a free port, with an oplog for change streams. Argument: the file that gets the port. */
class Main {
    public static void main(String[] arguments) throws Exception {
        MongoServer server = new MongoServer(new MemoryBackend());
        server.enableOplog();
        server.bind("127.0.0.1", 0);
        Path file = Path.of(arguments[0]), part = Path.of(arguments[0] + ".part");
        Files.writeString(part, Integer.toString(server.getLocalAddress().getPort()));
        Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
        Thread.currentThread().join();
    }
}
